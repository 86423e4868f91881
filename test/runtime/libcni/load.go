// SPDX-License-Identifier: GPL-2.0-or-later

// load - many pods at a time: every pod is added, checked and deleted, in rounds
//
// The network namespaces are /run/netns/<id>0, <id>1, ...; they must exist. Without -churn the phases of a round
// follow one another (a node that starts, a node that is drained); with it each pod goes through them on its own, so
// that ADD and DEL of different pods meet in the plugin. Prints one JSON object: number of calls, errors, addresses
// that two living pods had, and the times of ADD, CHECK and DEL.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"sync"
	"time"

	current "github.com/containernetworking/cni/pkg/types/100"
)

const maxMessages = 5

type loader struct {
	*options
	mu         sync.Mutex
	holder     map[string]string // address -> pod that has it now
	duplicates []string
	errors     int
	messages   []string
	times      map[string][]time.Duration
}

func (l *loader) fail(what string, pod string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errors++
	if len(l.messages) < maxMessages {
		l.messages = append(l.messages, fmt.Sprintf("%s %s: %v", what, pod, err))
	}
}

// hold notes that a pod has addresses from now on.
func (l *loader) hold(pod string, ips []*current.IPConfig) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, ip := range ips {
		address := ip.Address.IP.String()
		if other, taken := l.holder[address]; taken && other != pod {
			l.duplicates = append(l.duplicates, fmt.Sprintf("%s: %s and %s", address, other, pod))
		}
		l.holder[address] = pod
	}
}

func (l *loader) release(pod string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for address, holder := range l.holder {
		if holder == pod {
			delete(l.holder, address)
		}
	}
}

func (l *loader) timed(what string, call func() error) error {
	start := time.Now()
	err := call()
	took := time.Since(start)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.times[what] = append(l.times[what], took)
	return err
}

// step does one verb for one pod.
func (l *loader) step(verb string, i int) {
	pod := fmt.Sprintf("%s%d", l.id, i)
	rt, err := l.runtimeConf(pod, "/run/netns/"+pod)
	if err != nil {
		l.fail(verb, pod, err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), l.timeout)
	defer cancel()
	if verb == "DEL" {
		// Another pod may get the addresses before DEL returns.
		l.release(pod)
	}
	err = l.timed(verb, func() error {
		switch verb {
		case "ADD":
			result, err := l.cni.AddNetworkList(ctx, l.network, rt)
			if err != nil {
				return err
			}
			converted, err := current.NewResultFromResult(result)
			if err != nil {
				return err
			}
			if len(converted.IPs) == 0 {
				return fmt.Errorf("a result without an address")
			}
			l.hold(pod, converted.IPs)
			return nil
		case "CHECK":
			return l.cni.CheckNetworkList(ctx, l.network, rt)
		}
		return l.cni.DelNetworkList(ctx, l.network, rt)
	})
	if err != nil {
		l.fail(verb, pod, err)
	}
}

// each does something for every pod, -parallel at a time.
func (l *loader) each(do func(pod int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for w := 0; w < l.parallel; w++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for pod := range next {
				do(pod)
			}
		}()
	}
	for pod := 0; pod < l.pods; pod++ {
		next <- pod
	}
	close(next)
	wg.Wait()
}

// spread gives median, 99th percentile and maximum in milliseconds.
func spread(times []time.Duration) map[string]float64 {
	if len(times) == 0 {
		return nil
	}
	sort.Slice(times, func(a, b int) bool { return times[a] < times[b] })
	at := func(q int) float64 {
		return float64(times[(len(times)-1)*q/100].Microseconds()) / 1000
	}
	return map[string]float64{"p50": at(50), "p99": at(99), "max": at(100)}
}

func (o *options) load() error {
	l := &loader{options: o, holder: map[string]string{}, times: map[string][]time.Duration{}}
	verbs := []string{"ADD", "CHECK", "DEL"}
	start := time.Now()
	for round := 0; round < o.rounds; round++ {
		if o.churn {
			l.each(func(pod int) {
				for _, verb := range verbs {
					l.step(verb, pod)
				}
			})
			continue
		}
		for _, verb := range verbs {
			l.each(func(pod int) { l.step(verb, pod) })
		}
	}
	calls := 0
	summary := map[string]interface{}{}
	for verb, times := range l.times {
		calls += len(times)
		summary[verb] = spread(times)
	}
	summary["calls"] = calls
	summary["errors"] = l.errors
	summary["messages"] = l.messages
	summary["duplicates"] = l.duplicates
	summary["seconds"] = time.Since(start).Seconds()
	return json.NewEncoder(os.Stdout).Encode(summary)
}
