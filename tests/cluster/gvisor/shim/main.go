// Command containerd-shim-runsc-v1 is gVisor's containerd shim with one number changed.
//
// The original lowers its own oom_score_adj, which needs CAP_SYS_RESOURCE, a right that root lacks in many virtual
// machines and containers; it then refuses to start a sandbox. The build puts gVisor's own manager.go and service.go
// (package pkg/shim/v1) beside this file, as package main and with the score left alone. This folder does not compile
// without them.
package main

import (
	"context"

	"github.com/containerd/containerd/v2/pkg/shim"
	_ "gvisor.dev/gvisor/pkg/shim/v1/plugin" // the task service
)

func main() { shim.Run(context.Background(), NewShimManager("io.containerd.runsc.v1")) }
