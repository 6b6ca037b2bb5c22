// Package mutualtls makes the TLS side of a server whose clients show
// certificates too. The files are read again when they change, as they do when a
// certificate is renewed, so that a process need not be restarted.
package mutualtls

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Config is where the files are. All three are given, or none and Plaintext.
type Config struct {
	Cert      string `config:"GRPC_TLS_CERT" doc:"the file with the server's certificate and those that signed it, PEM"`
	Key       string `config:"GRPC_TLS_KEY" doc:"the file with the certificate's private key, PEM"`
	ClientCA  string `config:"GRPC_TLS_CLIENT_CA" doc:"the file with the certificates that sign those of clients, PEM"`
	Plaintext bool   `config:"GRPC_PLAINTEXT" default:"false" doc:"whether gRPC is served without TLS to anybody who can connect, as on a laptop or behind a mesh"`
}

const (
	// lookInterval is how soon a change of the files is noticed.
	lookInterval = 10 * time.Second
	// largestFile bounds what is read of a file, in bytes.
	largestFile = 1 << 20
)

// Certificates are those of a server. They are safe for concurrent use.
type Certificates struct {
	config   Config
	log      *slog.Logger
	current  atomic.Pointer[state]
	stopping chan struct{}
	stop     sync.Once
}

// state is what was read from the files.
type state struct {
	files  [3][]byte
	tls    *tls.Config
	expiry time.Time
}

// Open reads the files. It returns nil without an error when config asks for plain
// text, and fails when it asks for neither.
func Open(config Config, log *slog.Logger) (*Certificates, error) {
	given := 0
	for _, file := range []string{config.Cert, config.Key, config.ClientCA} {
		if file != "" {
			given++
		}
	}
	switch {
	case config.Plaintext && given > 0:
		return nil, errors.New("GRPC_PLAINTEXT is true, and GRPC_TLS_CERT, GRPC_TLS_KEY or GRPC_TLS_CLIENT_CA is set: unset one side")
	case config.Plaintext:
		return nil, nil
	case given < 3:
		return nil, errors.New("GRPC_TLS_CERT, GRPC_TLS_KEY and GRPC_TLS_CLIENT_CA must be set for mutual TLS, or GRPC_PLAINTEXT=true to serve without")
	}
	c := &Certificates{config: config, log: log, stopping: make(chan struct{})}
	read, err := c.read()
	if err != nil {
		return nil, err
	}
	c.current.Store(read)
	return c, nil
}

// read reads the files and makes sure that they belong together.
func (c *Certificates) read() (*state, error) {
	var s state
	for i, setting := range []struct{ name, path string }{
		{"GRPC_TLS_CERT", c.config.Cert}, {"GRPC_TLS_KEY", c.config.Key}, {"GRPC_TLS_CLIENT_CA", c.config.ClientCA},
	} {
		info, err := os.Stat(setting.path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", setting.name, err)
		}
		if info.Size() > largestFile {
			return nil, fmt.Errorf("%s: %s has %d bytes; at most %d are read", setting.name, setting.path, info.Size(), largestFile)
		}
		if s.files[i], err = os.ReadFile(setting.path); err != nil {
			return nil, fmt.Errorf("%s: %w", setting.name, err)
		}
	}
	pair, err := tls.X509KeyPair(s.files[0], s.files[1])
	if err != nil {
		return nil, fmt.Errorf("GRPC_TLS_CERT and GRPC_TLS_KEY: %w", err)
	}
	clients := x509.NewCertPool()
	if !clients.AppendCertsFromPEM(s.files[2]) {
		return nil, errors.New("GRPC_TLS_CLIENT_CA: the file holds no certificate in PEM form")
	}
	s.expiry = pair.Leaf.NotAfter
	s.tls = &tls.Config{
		Certificates: []tls.Certificate{pair},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    clients,
		MinVersion:   tls.VersionTLS13,
		NextProtos:   []string{"h2"},
		// A ticket would let a client in that was refused since, or let in by a CA
		// that is not trusted any more.
		SessionTicketsDisabled: true,
	}
	return &s, nil
}

// Server returns the configuration of a listener: every new connection gets the
// certificates of the moment.
func (c *Certificates) Server() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.current.Load().tls, nil },
	}
}

// Expiry is when the server's certificate ends.
func (c *Certificates) Expiry() time.Time { return c.current.Load().expiry }

// Run looks at the files until Stop is called, and then returns nil. Files that
// cannot be used, or of which only some have been replaced yet, leave the
// certificates as they are.
func (c *Certificates) Run() error {
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			c.look()
		case <-c.stopping:
			return nil
		}
	}
}

func (c *Certificates) look() {
	read, err := c.read()
	if err != nil {
		c.log.Warn("the certificates stay as they are: the files cannot be used", "error", err.Error(), "expire", c.Expiry())
		return
	}
	before := c.current.Load()
	for i := range read.files {
		if !bytes.Equal(read.files[i], before.files[i]) {
			c.current.Store(read)
			c.log.Info("the certificates were read again", "expire", read.expiry)
			return
		}
	}
}

// Stop ends Run.
func (c *Certificates) Stop(context.Context) error {
	c.stop.Do(func() { close(c.stopping) })
	return nil
}
