#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""firewalld.py - the sources of firewalld's zones, and nothing else of it, under its name on a real bus

What it does and says (names of methods, errors) is firewalld 1.3's. Its state is shown as lines "zone source" in the file that
is the only argument. SIGHUP is its reload: everything is forgotten.
"""
import signal
import sys

import dbus
import dbus.service
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

NAME = "org.fedoraproject.FirewallD1"
ZONES = ("public", "trusted")


class Refusal(dbus.DBusException):
    _dbus_error_name = NAME + ".Exception"


class Zones(dbus.service.Object):
    def __init__(self, bus, path):
        super().__init__(bus, "/org/fedoraproject/FirewallD1")
        self.path = path
        self.sources = {}
        self.show()

    def show(self):
        with open(self.path, "w", encoding="ascii") as f:
            f.writelines(f"{zone} {source}\n" for source, zone in sorted(self.sources.items()))

    def reload(self):
        self.sources.clear()
        self.show()
        return True

    @staticmethod
    def check(zone):
        if zone not in ZONES:
            raise Refusal(f"INVALID_ZONE: {zone}")

    @dbus.service.method(NAME + ".zone", in_signature="ss", out_signature="s")
    def addSource(self, zone, source):
        self.check(zone)
        if self.sources.get(source, zone) != zone:
            raise Refusal(f"ZONE_CONFLICT: '{source}' already bound to a zone")
        if source in self.sources:
            raise Refusal(f"ZONE_ALREADY_SET: '{source}' already bound to '{zone}'")
        self.sources[source] = zone
        self.show()
        return zone

    @dbus.service.method(NAME + ".zone", in_signature="ss", out_signature="s")
    def removeSource(self, zone, source):
        self.check(zone)
        if source not in self.sources:
            raise Refusal(f"UNKNOWN_SOURCE: '{source}' is not in any zone")
        if self.sources[source] != zone:
            raise Refusal(f"ZONE_CONFLICT: '{source}' is bound to another zone")
        del self.sources[source]
        self.show()
        return zone

    @dbus.service.method(NAME + ".zone", in_signature="ss", out_signature="b")
    def querySource(self, zone, source):
        self.check(zone)
        return self.sources.get(source) == zone


DBusGMainLoop(set_as_default=True)
system_bus = dbus.SystemBus()
owned = dbus.service.BusName(NAME, system_bus, do_not_queue=True)
zones = Zones(system_bus, sys.argv[1])
GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGHUP, zones.reload)
GLib.MainLoop().run()
