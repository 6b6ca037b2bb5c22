package health

import "time"

// Config is what can be set about readiness checks. A Check may have an
// interval and a timeout of its own.
type Config struct {
	Interval  time.Duration `config:"HEALTH_INTERVAL" default:"2s" min:"1ms" doc:"time between two runs of a readiness check"`
	Timeout   time.Duration `config:"HEALTH_TIMEOUT" default:"2s" min:"1ms" doc:"how long a run may take until it counts as failed"`
	Tolerance time.Duration `config:"HEALTH_TOLERANCE" default:"5s" doc:"how long a check that has passed may fail until readiness turns false"`
	Recovery  time.Duration `config:"HEALTH_RECOVERY" default:"0s" doc:"how long it must pass after that until readiness returns"`
}

const (
	// RetryInterval is the time between two runs of a check that fails, so that
	// readiness returns soon. A shorter Interval is kept.
	RetryInterval = 200 * time.Millisecond
	// BeatInterval is the time between two beats of the runtime's heart.
	BeatInterval = time.Second
	// StuckAfter is how old the last beat may be: beyond it the process counts as
	// stuck, and liveness is false.
	StuckAfter = 10 * time.Second
)
