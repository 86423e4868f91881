// SPDX-License-Identifier: GPL-2.0-or-later

// cnidrive - drives a folder of CNI plugins through libcni, as containerd, CRI-O and podman do
//
//	cnidrive [flags] add|check|del|validate|version TYPE|load
//
// add prints the result as JSON. Errors go to stderr, exit code 1. load is described in load.go.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/types"
)

type options struct {
	bin, cache, conf       string
	id, netns, ifname      string
	args, capabilities     string
	timeout                time.Duration
	pods, parallel, rounds int
	churn                  bool
	network                *libcni.NetworkConfigList
	cni                    *libcni.CNIConfig
}

func parse() *options {
	o := &options{}
	flag.StringVar(&o.bin, "bin", "/opt/cni/bin", "plugin folders, separated by colons")
	flag.StringVar(&o.cache, "cache", "", "folder of libcni's result cache (default /var/lib/cni)")
	flag.StringVar(&o.conf, "conf", "", "configuration: a conflist")
	flag.StringVar(&o.id, "id", "", "container ID")
	flag.StringVar(&o.netns, "netns", "", "path of the network namespace, may be empty for del")
	flag.StringVar(&o.ifname, "ifname", "eth0", "interface in the container")
	flag.StringVar(&o.args, "args", "", "CNI_ARGS: K=V;K=V")
	flag.StringVar(&o.capabilities, "cap", "", "capability arguments: a JSON object")
	flag.DurationVar(&o.timeout, "timeout", time.Minute, "for each call")
	flag.IntVar(&o.pods, "pods", 110, "load: how many pods")
	flag.IntVar(&o.parallel, "parallel", 16, "load: how many calls at a time")
	flag.IntVar(&o.rounds, "rounds", 10, "load: how often")
	flag.BoolVar(&o.churn, "churn", false, "load: each pod on its own, so that ADD and DEL meet")
	flag.Parse()
	return o
}

// runtimeConf builds what libcni hands to the plugins. The capability arguments stay raw JSON: their keys
// reach the plugin as they were spelled, which is how containerd's capitals get there.
func (o *options) runtimeConf(id, netns string) (*libcni.RuntimeConf, error) {
	rt := &libcni.RuntimeConf{ContainerID: id, NetNS: netns, IfName: o.ifname}
	for _, pair := range strings.Split(o.args, ";") {
		if pair == "" {
			continue
		}
		k, v, found := strings.Cut(pair, "=")
		if !found {
			return nil, fmt.Errorf("-args: %q is not K=V", pair)
		}
		rt.Args = append(rt.Args, [2]string{k, v})
	}
	if o.capabilities != "" {
		raw := map[string]json.RawMessage{}
		if err := json.Unmarshal([]byte(o.capabilities), &raw); err != nil {
			return nil, fmt.Errorf("-cap: %w", err)
		}
		rt.CapabilityArgs = map[string]interface{}{}
		for k, v := range raw {
			rt.CapabilityArgs[k] = v
		}
	}
	return rt, nil
}

func (o *options) add(ctx context.Context) error {
	rt, err := o.runtimeConf(o.id, o.netns)
	if err != nil {
		return err
	}
	result, err := o.cni.AddNetworkList(ctx, o.network, rt)
	if err != nil {
		return err
	}
	return result.Print()
}

func (o *options) check(ctx context.Context) error {
	rt, err := o.runtimeConf(o.id, o.netns)
	if err != nil {
		return err
	}
	return o.cni.CheckNetworkList(ctx, o.network, rt)
}

func (o *options) del(ctx context.Context) error {
	rt, err := o.runtimeConf(o.id, o.netns)
	if err != nil {
		return err
	}
	return o.cni.DelNetworkList(ctx, o.network, rt)
}

func (o *options) validate(ctx context.Context) error {
	capabilities, err := o.cni.ValidateNetworkList(ctx, o.network)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(capabilities)
}

func (o *options) version(ctx context.Context, plugin string) error {
	info, err := o.cni.GetVersionInfo(ctx, plugin)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(info.SupportedVersions())
}

func run(o *options) error {
	o.cni = libcni.NewCNIConfigWithCacheDir(strings.Split(o.bin, ":"), o.cache, nil)
	ctx, cancel := context.WithTimeout(context.Background(), o.timeout)
	defer cancel()

	if flag.Arg(0) == "version" && flag.NArg() == 2 {
		return o.version(ctx, flag.Arg(1))
	}
	var err error
	if o.network, err = libcni.ConfListFromFile(o.conf); err != nil {
		return err
	}
	switch flag.Arg(0) {
	case "add":
		return o.add(ctx)
	case "check":
		return o.check(ctx)
	case "del":
		return o.del(ctx)
	case "validate":
		return o.validate(ctx)
	case "load":
		return o.load()
	}
	return fmt.Errorf("unknown command %q (add, check, del, validate, version TYPE, load)", flag.Arg(0))
}

func main() {
	err := run(parse())
	if err == nil {
		return
	}
	// A plugin's own error keeps its code.
	var plugin *types.Error
	if errors.As(err, &plugin) {
		fmt.Fprintf(os.Stderr, "cnidrive: code %d: %s %s\n", plugin.Code, plugin.Msg, plugin.Details)
	} else {
		fmt.Fprintf(os.Stderr, "cnidrive: %v\n", err)
	}
	os.Exit(1)
}
