package lifecycle

import "time"

// Exit codes of a server process. Package config exits with 2 when the
// configuration is wrong.
const (
	// ExitOK: stopped as asked, and nothing was cut off.
	ExitOK = 0
	// ExitFailure: a component failed.
	ExitFailure = 1
	// ExitCut: stopped as asked, but something was cut off at the deadline.
	ExitCut = 3
	// ExitForced: a second signal arrived while the process was stopping.
	ExitForced = 130
)

// Config is what can be set about starting and stopping.
type Config struct {
	StartTimeout    time.Duration `config:"START_TIMEOUT" default:"30s" min:"1ms" doc:"how long all components together may take to start"`
	DrainDelay      time.Duration `config:"DRAIN_DELAY" default:"0s" doc:"how long to go on serving after SIGTERM, for load balancers to catch up"`
	StayReady       bool          `config:"STAY_READY" default:"false" doc:"whether readiness stays true during DRAIN_DELAY, for a process that has no replica to take over"`
	ShutdownTimeout time.Duration `config:"SHUTDOWN_TIMEOUT" default:"20s" doc:"how long requests in flight may take after that before they are cut off"`
}

const (
	// KubernetesDrainDelay is DRAIN_DELAY in generated manifests, where an
	// environment sets no other: endpoints take a second or two to reach every
	// node of a small cluster. Load balancers of clouds need 15 s to 35 s.
	KubernetesDrainDelay = 5 * time.Second
	// CloseTimeout is how long everything that is not a request may take to stop:
	// the admin server, exporters, connection pools.
	CloseTimeout = 3 * time.Second
	// graceMargin is what a busy node may add to all of these.
	graceMargin = 2 * time.Second
	// longestSpread bounds the time over which requests that last are asked to
	// end.
	longestSpread = 2 * time.Second
)

// GracePeriod is how long a process with these settings can take from SIGTERM
// to its end. It is what terminationGracePeriodSeconds must be.
func (c Config) GracePeriod() time.Duration {
	return c.DrainDelay + c.ShutdownTimeout + CloseTimeout + graceMargin
}

// spread is the time over which what lasts is asked to end, so that clients do
// not all come back at once; most of the deadline is left to those asked last.
// Without a delay nobody stands behind a load balancer, and nobody has to wait.
func (c Config) spread() time.Duration {
	if c.DrainDelay == 0 {
		return 0
	}
	return min(longestSpread, c.ShutdownTimeout/4)
}
