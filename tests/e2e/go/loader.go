// SPDX-License-Identifier: Apache-2.0

// loader OBJECT PROGRAM INTERFACE PINS: an owner as many are written: cilium/ebpf loads the object,
// attaches the program to the interface by a link, and keeps it there until standard input ends.
// It knows nothing of hone.
package main

import (
	"fmt"
	"io"
	"net"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

func load(path, pins string) (*ebpf.Collection, error) {
	spec, err := ebpf.LoadCollectionSpec(path)
	if err != nil {
		return nil, err
	}
	return ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{
		Maps: ebpf.MapOptions{PinPath: pins},
	})
}

func attach(collection *ebpf.Collection, program, name string) (link.Link, error) {
	device, err := net.InterfaceByName(name)
	if err != nil {
		return nil, err
	}
	return link.AttachXDP(link.XDPOptions{
		Program:   collection.Programs[program],
		Interface: device.Index,
	})
}

func run(path, program, device, pins string) error {
	collection, err := load(path, pins)
	if err != nil {
		return err
	}
	defer collection.Close()
	attached, err := attach(collection, program, device)
	if err != nil {
		return err
	}
	defer attached.Close()
	fmt.Println("attached")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: loader OBJECT PROGRAM INTERFACE PINS")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		fmt.Fprintln(os.Stderr, "loader:", err)
		os.Exit(1)
	}
}
