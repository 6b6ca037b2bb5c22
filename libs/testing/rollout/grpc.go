package rollout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
)

// Call makes one unary call.
type Call func(ctx context.Context, conn grpc.ClientConnInterface) error

func connect(addr string) (*grpc.ClientConn, error) {
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, fmt.Errorf("making a gRPC client: %w", err)
	}
	return conn, nil
}

// PooledGRPC returns a client whose calls share one connection, with grpc-go's
// default settings.
func PooledGRPC(addr string, call Call) (Client, error) {
	conn, err := connect(addr)
	if err != nil {
		return nil, err
	}
	return &pooledGRPC{conn, call}, nil
}

type pooledGRPC struct {
	conn *grpc.ClientConn
	call Call
}

func (c *pooledGRPC) Do(ctx context.Context) error { return c.call(ctx, c.conn) }

func (c *pooledGRPC) Close() { _ = c.conn.Close() }

// NewConnectionGRPC returns a client that makes a connection for each call.
func NewConnectionGRPC(addr string, call Call) Client { return &newConnectionGRPC{addr, call} }

type newConnectionGRPC struct {
	addr string
	call Call
}

func (c *newConnectionGRPC) Do(ctx context.Context) error {
	conn, err := connect(c.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	return c.call(ctx, conn)
}

func (c *newConnectionGRPC) Close() {}

const (
	// streamsPerConnection is how many streams share a connection.
	streamsPerConnection = 4
	// reopenPause keeps a client whose streams end at once from spinning.
	reopenPause = 10 * time.Millisecond
	// messageInterval is the time between two messages of a stream that talks.
	messageInterval = 100 * time.Millisecond
	// answerTimeout bounds the time for an answer within a stream.
	answerTimeout = requestTimeout
)

// Stream opens a stream, uses it until it ends, and returns why it did. It calls
// answered with the time that each message took which it waited for.
type Stream func(ctx context.Context, conn grpc.ClientConnInterface, answered func(time.Duration)) error

// StartStreams keeps a number of streams open, each of which is opened again when
// it ends. ended says whether it ended as it should.
func StartStreams(kind, addr string, streams int, stream Stream, ended func(error) error) (*Load, error) {
	ctx, cancel := context.WithCancel(context.Background())
	var conns []*grpc.ClientConn
	l := &Load{kind: kind, cancel: cancel, finish: func() {
		for _, conn := range conns {
			_ = conn.Close()
		}
	}}
	for i := range streams {
		if i%streamsPerConnection == 0 {
			conn, err := connect(addr)
			if err != nil {
				cancel()
				l.finish()
				return nil, err
			}
			conns = append(conns, conn)
		}
		conn := conns[len(conns)-1]
		l.working.Go(func() { l.keepOpen(ctx, conn, stream, ended) })
	}
	return l, nil
}

func (l *Load) keepOpen(ctx context.Context, conn *grpc.ClientConn, stream Stream, ended func(error) error) {
	for ctx.Err() == nil {
		err := stream(ctx, conn, l.answered)
		if ctx.Err() == nil {
			err = ended(err)
		} else {
			err = nil
		}
		if err != nil {
			l.failed(err)
		} else {
			l.succeeded()
		}
		select {
		case <-time.After(reopenPause):
		case <-ctx.Done():
		}
	}
}

// EndedWell returns nil for streams that ended with OK or UNAVAILABLE, which
// tells a client to connect again.
func EndedWell(err error) error {
	if err == nil || errors.Is(err, io.EOF) || status.Code(err) == codes.Unavailable {
		return nil
	}
	return err
}

// WatchHealth is a stream from the server alone: grpc.health.v1's Watch of the
// whole server.
func WatchHealth(ctx context.Context, conn grpc.ClientConnInterface, answered func(time.Duration)) error {
	begin := time.Now()
	stream, err := grpc_health_v1.NewHealthClient(conn).Watch(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		return err
	}
	for first := true; ; first = false {
		if _, err := stream.Recv(); err != nil {
			return err
		}
		if first {
			answered(time.Since(begin))
		}
	}
}

// ListServices is a stream in both directions: server reflection, asked for the
// list of services again and again.
func ListServices(ctx context.Context, conn grpc.ClientConnInterface, answered func(time.Duration)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stream, err := grpc_reflection_v1.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	if err != nil {
		return err
	}
	request := &grpc_reflection_v1.ServerReflectionRequest{
		MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{},
	}
	// The stream may end at any time, also between two requests.
	answers := make(chan *grpc_reflection_v1.ServerReflectionResponse)
	ended := make(chan error, 1)
	go func() {
		for {
			answer, err := stream.Recv()
			if err != nil {
				ended <- err
				return
			}
			select {
			case answers <- answer:
			case <-ctx.Done():
				ended <- ctx.Err()
				return
			}
		}
	}()
	tick := time.NewTicker(messageInterval)
	defer tick.Stop()
	for {
		begin := time.Now()
		// When it fails, Recv says why.
		if err := stream.Send(request); err != nil {
			return <-ended
		}
		select {
		case answer := <-answers:
			if len(answer.GetListServicesResponse().GetService()) == 0 {
				return errors.New("the answer in the stream lists no services")
			}
			answered(time.Since(begin))
		case err := <-ended:
			return err
		case <-time.After(answerTimeout):
			return errors.New("no answer in the stream")
		}
		select {
		case <-tick.C:
		case err := <-ended:
			return err
		}
	}
}
