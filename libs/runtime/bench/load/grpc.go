package load

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// payloadSize is how much a request carries, and its answer brings back.
const payloadSize = 64

// GRPC is a client that spreads requests over a number of connections.
type GRPC struct {
	conns []*grpc.ClientConn
	next  atomic.Uint64
}

// NewGRPC returns a client, which connects with its first requests.
func NewGRPC(addr string, connections int) (*GRPC, error) {
	c := &GRPC{}
	for range connections {
		conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			c.Close()
			return nil, fmt.Errorf("making a client for %s: %w", addr, err)
		}
		c.conns = append(c.conns, conn)
	}
	return c, nil
}

// Call returns a call of a method.
func (c *GRPC) Call(method string) Call {
	request := wrapperspb.Bytes(make([]byte, payloadSize))
	return func(ctx context.Context) error {
		conn := c.conns[c.next.Add(1)%uint64(len(c.conns))]
		response := new(wrapperspb.BytesValue)
		err := conn.Invoke(ctx, method, request, response)
		switch {
		case status.Code(err) == codes.ResourceExhausted:
			return ErrShed
		case err != nil:
			return fmt.Errorf("calling %s: %w", method, err)
		case len(response.GetValue()) != payloadSize:
			return fmt.Errorf("calling %s: got %d bytes back, sent %d", method, len(response.GetValue()), payloadSize)
		}
		return nil
	}
}

// Closed is the function of that name with Call. This client takes about as long
// as the server, so it hardly ever sleeps.
func (c *GRPC) Closed(ctx context.Context, method string, concurrency int, duration time.Duration) *Result {
	return Closed(ctx, concurrency, duration, c.Call(method))
}

// Close closes all connections.
func (c *GRPC) Close() {
	for _, conn := range c.conns {
		conn.Close()
	}
}
