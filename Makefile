# SPDX-License-Identifier: GPL-2.0-or-later
# cnida - one static executable for the node's /opt/cni/bin, its tests and its installation
#
#	make			build/bin/cnida and a symlink per plugin type
#	make SAN=1		the same with ASan and UBSan, dynamically linked, in build/san/
#	make V=1		show the commands
#	make WERROR=1		warnings are errors (check and lint do this)
#	make help		the other targets
#
# Everything that is made lies in $(O) (build), outside only `make install` writes.

VERSION := 0.1.0
# What the executable answers to by name. "cnida" itself is a type too.
TYPES := $(filter-out cnida,$(sort $(shell sed -n 's/^\t\.name = "\(.*\)",$$/\1/p' plugin/types/*.c)))

O ?= build
SAN ?=
V ?=
WERROR ?=
DESTDIR ?=
CNI_BIN_DIR ?= /opt/cni/bin
MANDIR ?= /usr/local/share/man
# Seconds that one test suite may take before it is stopped and counts as failed.
SUITE_TIMEOUT ?= 120

ifeq ($(origin CC),default)
CC := gcc
endif
STRIP ?= strip
, := ,
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-6s %s\n' '$(1)' '$(2)')

# ---- flags ---------------------------------------------------------------------------------------

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wold-style-definition -Wvla -Wformat=2 -Wnull-dereference \
	-Wcast-qual -Wwrite-strings -Wundef -Wdate-time
ifneq ($(findstring clang,$(notdir $(CC))),)
WARN += -Wno-gnu-statement-expression -Wno-unknown-warning-option
else
WARN += -Wduplicated-cond -Wlogical-op -Wimplicit-fallthrough=5
endif
ifeq ($(WERROR),1)
WARN += -Werror
endif

# Asked of the machine while the compiler is not installed yet.
MACHINE := $(firstword $(subst -, ,$(or $(shell $(CC) -dumpmachine 2>/dev/null),$(shell uname -m))))
HARDEN := -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection \
	-ftrivial-auto-var-init=zero -fzero-call-used-regs=used-gpr
HARDEN += $(if $(filter x86_64,$(MACHINE)),-fcf-protection)
HARDEN += $(if $(filter aarch64,$(MACHINE)),-mbranch-protection=standard)
LDHARDEN := -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code,--as-needed

CPPFLAGS_ALL := -D_GNU_SOURCE -DCNIDA_VERSION='"$(VERSION)"' -Iplugin -I. $(CPPFLAGS)
# The same bytes wherever the tree lies: no absolute path and no date may get into an object.
CFLAGS_BASE := -std=gnu17 -g -fPIE -fvisibility=hidden -ffunction-sections -fdata-sections \
	-ffile-prefix-map=$(CURDIR)=. -MMD -MP

ifeq ($(SAN),1)
B := $(O)/san
CFLAGS_ALL := $(CFLAGS_BASE) $(WARN) -O1 -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=all $(CFLAGS)
LDFLAGS_BIN := -pie -fsanitize=address,undefined $(LDFLAGS)
LDFLAGS_TEST := $(LDFLAGS_BIN)
else
B := $(O)
CFLAGS_ALL := $(CFLAGS_BASE) $(WARN) -O2 $(HARDEN) $(CFLAGS)
LDFLAGS_BIN := -static-pie $(LDHARDEN) -Wl,--gc-sections $(LDFLAGS)
# No --gc-sections: nothing refers to the section in which Criterion looks for tests.
LDFLAGS_TEST := -pie $(LDHARDEN) $(LDFLAGS)
endif

# Debian has libmnl.so only: what the static executable needs of it is in plugin/kernel/mnl/. Name
# another libmnl.a here to link that one instead.
LIBMNL ?= $(O)/lib/libmnl.a
LIBS_BIN := $(if $(SAN),-lnftnl -lmnl -ljansson,-lnftnl $(LIBMNL) -ljansson)
# The plain tests link what the product links, the sanitized ones Debian's libmnl.so: the same tests hold
# both implementations to one behaviour.
LIBS_TEST := $(if $(SAN),-lnftnl -lmnl,-Wl$(,)-Bstatic -lnftnl -Wl$(,)-Bdynamic $(LIBMNL)) -ljansson

# ---- what is built -------------------------------------------------------------------------------

SRC := $(sort $(wildcard plugin/*.c plugin/*/*.c ipam/*.c))
MNLOBJ := $(patsubst %.c,$(B)/obj/%.o,$(sort $(wildcard plugin/kernel/mnl/*.c)))
OBJ := $(SRC:%.c=$(B)/obj/%.o)
LIBOBJ := $(filter-out $(B)/obj/plugin/main.o,$(OBJ))
# test/unit and test/net are Criterion tests: one program per folder, linked with the product without main.c.
SUITES := $(foreach s,unit net,$(if $(wildcard test/$(s)/*.c),$(s)))
ALONE := test/bench/ipam_scale.c
suite_obj = $(patsubst %.c,$(B)/obj/%.o,$(filter-out $(ALONE),$(sort $(wildcard test/$(1)/*.c))))
# test/plugin (black-box tests of a plugin folder) and test/bench run plugins from outside: one program each,
# plain only, with test/lib/. test/bench/ipam_scale.c is a program of its own that needs the product.
PROBES := $(if $(SAN),,$(foreach s,plugin bench,$(if $(wildcard test/$(s)/*.c),$(s))))
TESTLIB := $(B)/obj/test/lib.a
TESTOBJ := $(foreach s,$(SUITES) lib plugin bench,$(call suite_obj,$(s)))

BIN := $(if $(SAN),$(B)/cnida,$(B)/bin/cnida)
LINKS := $(TYPES:%=$(dir $(BIN))%)
TESTBIN := $(SUITES:%=$(B)/test/%) $(PROBES:%=$(B)/test/%)

.PHONY: all tests deps deps-build deps-check deps-lint demo check bench lint format install clean help FORCE
.DELETE_ON_ERROR:
.SUFFIXES:

all: $(BIN) $(LINKS)

# Fails early, and with the command to run, when a package is missing; installs it when it may.
deps-build:
	@test/lib/deps.sh build
$(O)/.deps-build: test/lib/deps.sh
	@mkdir -p $(@D)
	@test/lib/deps.sh build
	@touch $@
$(O)/.deps-check: test/lib/deps.sh
	@mkdir -p $(@D)
	@test/lib/deps.sh check
	@touch $@
$(O)/.deps-lint: test/lib/deps.sh
	@mkdir -p $(@D)
	@test/lib/deps.sh lint
	@touch $@

deps:
	@test/lib/deps.sh build check lint

# The command line, so that objects are made anew when it changes (WERROR changes no object).
$(B)/obj/.flags: FORCE | $(O)/.deps-build
	@mkdir -p $(@D)
	@echo '$(CC) $(CPPFLAGS_ALL) $(filter-out -Werror,$(CFLAGS_ALL))' | cmp -s - $@ || \
		echo '$(CC) $(CPPFLAGS_ALL) $(filter-out -Werror,$(CFLAGS_ALL))' > $@

$(B)/obj/%.o: %.c $(B)/obj/.flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(CFLAGS_EXTRA) -c -o $@ $<

$(O)/lib/libmnl.a: $(MNLOBJ)
	@mkdir -p $(@D)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcsD $@ $^

$(BIN): $(OBJ) $(if $(SAN),,$(LIBMNL))
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_BIN) -o $@.debug $(OBJ) $(LIBS_BIN)
	$(Q)$(if $(SAN),cp $@.debug $@,$(STRIP) -o $@ $@.debug)
	$(Q)mv -f $@.debug $(B)/obj/cnida.debug

$(LINKS): $(BIN)
	$(Q)ln -sfn cnida $@

tests: $(TESTBIN)

$(TESTOBJ): | $(O)/.deps-check
# Criterion's macros assign an int to a bit field and cast away const.
$(TESTOBJ): CFLAGS_EXTRA := -Wno-conversion -Wno-cast-qual -Wno-null-dereference
$(TESTLIB): $(call suite_obj,lib)
	@mkdir -p $(@D)
	$(Q)rm -f $@ && $(AR) rcsD $@ $^

# One rule per suite, since each has objects of its own.
define suite_rule
$$(B)/test/$(1): $$(call suite_obj,$(1)) $$(LIBOBJ) $$(if $$(SAN),,$$(LIBMNL))
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(LDFLAGS_TEST) -o $$@ $$(call suite_obj,$(1)) $$(LIBOBJ) $$(LIBS_TEST) -lcriterion
endef
$(foreach s,$(SUITES),$(eval $(call suite_rule,$(s))))

define probe_rule
$$(B)/test/$(1): $$(call suite_obj,$(1)) $$(TESTLIB)
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(LDFLAGS_TEST) -o $$@ $$^ -ljansson -lm
endef
$(foreach s,$(PROBES),$(eval $(call probe_rule,$(s))))

$(B)/test/ipam_scale: $(B)/obj/test/bench/ipam_scale.o $(LIBOBJ) $(if $(SAN),,$(LIBMNL))
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_TEST) -o $@ $< $(LIBOBJ) $(LIBS_TEST)

-include $(OBJ:.o=.d) $(patsubst %.c,$(B)/obj/%.d,$(ALONE)) $(TESTOBJ:.o=.d) $(MNLOBJ:.o=.d)

# ---- trying it out -------------------------------------------------------------------------------

# The suites of `make check`: plain and sanitized builds of the C programs, then the scripts. One
# line "N passed, N failed, N skipped" closes the run.
check: | $(O)/.deps-check
	@$(MAKE) --no-print-directory WERROR=1 all tests
	@$(MAKE) --no-print-directory WERROR=1 SAN=1 all tests
	@SUITE_TIMEOUT=$(SUITE_TIMEOUT) test/lib/run-suites.sh $(O)

lint: export LINT_CPPFLAGS := $(CPPFLAGS_ALL)
lint: export LINT_WARN := $(WARN)
lint: | $(O)/.deps-build $(O)/.deps-check $(O)/.deps-lint
	@CC='$(CC)' test/lib/lint.sh $(O)

format: | $(O)/.deps-lint
	clang-format -i $$(find plugin ipam bpf test -name '*.[ch]')

ifneq ($(wildcard test/lib/demo.sh),)
demo: all | $(O)/.deps-check
	@test/lib/node test/lib/demo.sh $(O)/bin
endif

ifneq ($(filter bench,$(PROBES)),)
# BENCH_ARGS: options of the program, see test/bench/README.md.
bench: all $(B)/test/bench $(B)/test/ipam_scale | $(O)/.deps-check
	@mkdir -p $(O)/bench
	@test/lib/node $(B)/test/bench --cnida $(O)/bin --json $(O)/bench/results.json $(BENCH_ARGS)
endif

# ---- putting it in place -------------------------------------------------------------------------

# A file that has the same bytes is left alone, others are replaced by renaming, so that a runtime that
# executes a plugin at this moment sees the old or the new one. Only names of ours are touched.
install: all
	$(Q)install -d $(DESTDIR)$(CNI_BIN_DIR) $(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(MANDIR)/man8
	$(Q)cmp -s $(BIN) $(DESTDIR)$(CNI_BIN_DIR)/cnida || { \
		install -m 755 $(BIN) $(DESTDIR)$(CNI_BIN_DIR)/.cnida.new && \
		mv -fT $(DESTDIR)$(CNI_BIN_DIR)/.cnida.new $(DESTDIR)$(CNI_BIN_DIR)/cnida; }
	$(Q)cd $(DESTDIR)$(CNI_BIN_DIR) && for t in $(TYPES); do \
		[ "$$(readlink $$t)" = cnida ] || { ln -sfn cnida .$$t.new && mv -fT .$$t.new $$t; } || exit 1; \
	done
	$(Q)install -m 644 conf/cnida-config.5 $(DESTDIR)$(MANDIR)/man5/
	$(Q)install -m 644 conf/cnida.8 $(DESTDIR)$(MANDIR)/man8/

clean:
	rm -rf $(O)

help:
	@printf '%s\n' \
		'make                build/bin/cnida and a symlink per plugin type' \
		'make deps           install the Debian packages that building, tests and lint need' \
		'sudo make demo      see it work on this machine' \
		'sudo make check     every test' \
		'sudo make bench     side by side with the upstream plugins' \
		'make lint           formatting, layering, static analysis' \
		'make format         clang-format on every source file' \
		'make install        DESTDIR=... CNI_BIN_DIR=$(CNI_BIN_DIR)' \
		'make clean          remove $(O)/'
