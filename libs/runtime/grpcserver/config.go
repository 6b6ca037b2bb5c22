package grpcserver

import (
	"time"

	"github.com/soketsugo/soketsugo/libs/runtime/config"
	"github.com/soketsugo/soketsugo/libs/runtime/mutualtls"
)

// Config is what can be set about the server.
type Config struct {
	Addr             config.HostPort `config:"GRPC_ADDR" default:":50051" doc:"where gRPC is served"`
	Reflection       bool            `config:"GRPC_REFLECTION" default:"false" doc:"whether clients such as grpcurl can list the services"`
	HealthAddr       config.HostPort `config:"HEALTH_ADDR" default:":50052" doc:"where the health service alone is served without TLS, for the kubelet; only when GRPC_ADDR is served with TLS"`
	TLS              mutualtls.Config
	MaxConnectionAge time.Duration `config:"GRPC_MAX_CONNECTION_AGE" default:"5m" doc:"when a connection is told to end, so that clients spread over new replicas"`
}

const (
	// maxMessageSize bounds a message, received or sent, in bytes.
	maxMessageSize = 4 << 20
	// maxHeaderSize bounds a request's metadata, in bytes.
	maxHeaderSize = 16 << 10
	// maxStreams bounds the requests in flight on one connection.
	maxStreams = 250
	// connectionAgeGrace is how long requests on an aged connection may take
	// beyond the deadline that they get by default.
	connectionAgeGrace = 10 * time.Second
	// maxConnectionIdle closes connections that nobody uses.
	maxConnectionIdle = 5 * time.Minute
	// keepaliveTime finds peers that vanished without a word.
	keepaliveTime = time.Minute
	// minPingInterval is how often a client may ping.
	minPingInterval = 20 * time.Second
	// handshakeTimeout bounds the setup of a connection.
	handshakeTimeout = 10 * time.Second
	// leaveTime is the least that a stream may take to end once it was asked to.
	leaveTime = 250 * time.Millisecond
	// goAwayTime is how long a connection without requests may take to end: grpc-go
	// itself waits 5 s for a client to hear that nothing new is begun.
	goAwayTime = 6 * time.Second
	// pollTime is how often it is looked whether requests are still in flight after
	// that.
	pollTime = 100 * time.Millisecond
	// streamWorkers are goroutines that answer one request after another. A new
	// one for each request would have to grow its stack each time, which takes
	// longer than everything that this package does. A request that finds them all
	// busy gets a goroutine of its own.
	streamWorkers = 32
	// readBufferSize is what an idle connection costs, in bytes; grpc-go's own 32
	// KiB make 10,000 of them 320 MB.
	readBufferSize = 8 << 10
)
