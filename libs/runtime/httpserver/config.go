package httpserver

import (
	"time"

	"github.com/soketsugo/soketsugo/libs/runtime/config"
)

// Config is what can be set about the server for the API.
type Config struct {
	Addr config.HostPort `config:"HTTP_ADDR" default:":8080" doc:"where HTTP is served"`
}

// AdminConfig is what can be set about the server for operators.
type AdminConfig struct {
	Addr  config.HostPort `config:"ADMIN_ADDR" default:":8081" doc:"where /livez, /readyz, /metrics and /version are served"`
	Pprof bool            `config:"ADMIN_PPROF" default:"false" doc:"whether /debug/pprof is served there too"`
}

const (
	// readHeaderTimeout bounds the time for a request's headers.
	readHeaderTimeout = 5 * time.Second
	// answerTime is what a request has for its answer to be read, beyond its
	// deadline.
	answerTime = 30 * time.Second
	// idleTimeout closes kept-alive connections that nobody uses.
	idleTimeout = 2 * time.Minute
	// maxHeaderSize is in bytes.
	maxHeaderSize = 16 << 10
	// MaxBodySize bounds a request's body, in bytes. Reading beyond it fails with
	// *http.MaxBytesError.
	MaxBodySize = 1 << 20
	// newConnection is how long a connection that has sent nothing may be about to
	// send something.
	newConnection = time.Second
	// nextRequest is how long it may take until a request that net/http read together
	// with the one before reaches its handler.
	nextRequest = 50 * time.Millisecond
	// sweepInterval is how often the drain looks for connections to close.
	sweepInterval = 5 * time.Millisecond
)
