package mutualtls_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/soketsugo/soketsugo/libs/runtime/mutualtls"
	"github.com/soketsugo/soketsugo/libs/testing/certificates"
)

func settings(files certificates.Files) mutualtls.Config {
	return mutualtls.Config{Cert: files.Cert, Key: files.Key, ClientCA: files.CA}
}

// handshake connects a client to a server and returns the serial number of the
// server's certificate.
func handshake(server, client *tls.Config) (serial int64, err error) {
	listener, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	done := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			_, err = conn.Write([]byte("x"))
			err = errors.Join(err, conn.Close())
		}
		done <- err
	}()
	conn, err := tls.Dial("tcp", listener.Addr().String(), client)
	if err == nil {
		defer conn.Close()
		// In TLS 1.3 a client learns with the first byte that its certificate was
		// refused.
		_, err = io.ReadFull(conn, make([]byte, 1))
	}
	if err := errors.Join(err, <-done); err != nil {
		return 0, err
	}
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64(), nil
}

// Only clients with a certificate of the authority get in.
func TestClients(t *testing.T) {
	authority, other := certificates.NewAuthority(t), certificates.NewAuthority(t)
	files := certificates.FilesIn(t.TempDir())
	authority.Write(t, files, authority.Issue(t, "server"))
	c, err := mutualtls.Open(settings(files), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	good, none := authority.Client(t, "client"), &tls.Config{RootCAs: authority.Pool()}
	stranger := &tls.Config{RootCAs: authority.Pool(), Certificates: []tls.Certificate{other.Issue(t, "client")}}
	old := authority.Client(t, "client")
	old.MinVersion, old.MaxVersion = 0, tls.VersionTLS12
	for _, test := range []struct {
		name   string
		client *tls.Config
		ok     bool
	}{
		{"with a certificate", good, true},
		{"without", none, false},
		{"with one of another authority", stranger, false},
		{"with an old version of TLS", old, false},
		{"that trusts another authority", other.Client(t, "client"), false},
	} {
		if _, err := handshake(c.Server(), test.client); (err == nil) != test.ok {
			t.Errorf("a client %s: got %v, want success: %v", test.name, err, test.ok)
		}
	}
	if until := time.Until(c.Expiry()); until < certificates.Lifetime/2 || until > certificates.Lifetime {
		t.Errorf("the certificate ends in %s", until)
	}
}

// New files are used for new connections; files that cannot be used, or are half
// replaced, change nothing and are reported.
func TestReload(t *testing.T) {
	// Outside of the bubble, whose clock stands in the year 2000.
	authority := certificates.NewAuthority(t)
	files := certificates.FilesIn(t.TempDir())
	first, second := authority.Issue(t, "server"), authority.Issue(t, "server")
	client := authority.Client(t, "client")
	synctest.Test(t, func(t *testing.T) {
		// The certificates are of the real time.
		time.Sleep(time.Until(first.Leaf.NotAfter.Add(-certificates.Lifetime)))
		authority.Write(t, files, first)
		var log bytes.Buffer
		c, err := mutualtls.Open(settings(files), slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		ran := make(chan error, 1)
		go func() { ran <- c.Run() }()
		expect := func(when string, serial int64, logged string) {
			t.Helper()
			time.Sleep(11 * time.Second)
			synctest.Wait()
			if got, err := handshake(c.Server(), client); err != nil || got != serial {
				t.Errorf("%s: got the certificate %d, %v, want %d", when, got, err, serial)
			}
			if !strings.Contains(log.String(), logged) || logged == "" && log.Len() > 0 {
				t.Errorf("%s: %q is not in the log: %s", when, logged, &log)
			}
			log.Reset()
		}
		expect("at first", 2, "")
		authority.Write(t, files, second)
		expect("after new files", 3, "were read again")
		expect("after a while", 3, "")
		if err := os.WriteFile(files.Cert, []byte("nonsense"), 0o600); err != nil {
			t.Fatal(err)
		}
		expect("after a file that is none", 3, "stay as they are")
		authority.Write(t, files, first)
		expect("after the old files", 2, "were read again")
		if err := c.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
}

// Settings that cannot work are refused with what to set.
func TestOpenRefuses(t *testing.T) {
	authority := certificates.NewAuthority(t)
	files := certificates.FilesIn(t.TempDir())
	authority.Write(t, files, authority.Issue(t, "server"))
	others := certificates.FilesIn(t.TempDir())
	authority.Write(t, others, authority.Issue(t, "server"))
	missing := filepath.Join(t.TempDir(), "missing")
	for _, test := range []struct {
		config mutualtls.Config
		want   string
	}{
		{mutualtls.Config{}, "GRPC_PLAINTEXT=true"},
		{mutualtls.Config{Cert: files.Cert, Key: files.Key}, "GRPC_TLS_CLIENT_CA must be set"},
		{mutualtls.Config{Cert: files.Cert, Plaintext: true}, "unset one side"},
		{mutualtls.Config{Cert: missing, Key: files.Key, ClientCA: files.CA}, "GRPC_TLS_CERT"},
		{mutualtls.Config{Cert: files.Cert, Key: others.Key, ClientCA: files.CA}, "GRPC_TLS_CERT and GRPC_TLS_KEY"},
		{mutualtls.Config{Cert: files.Cert, Key: files.Key, ClientCA: files.Key}, "GRPC_TLS_CLIENT_CA"},
		{mutualtls.Config{Cert: files.Cert, Key: files.Key, ClientCA: "/dev"}, "GRPC_TLS_CLIENT_CA"},
	} {
		c, err := mutualtls.Open(test.config, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: got %v, %v, want an error with %q", test.config, c, err, test.want)
		}
	}
	if c, err := mutualtls.Open(mutualtls.Config{Plaintext: true}, slog.New(slog.DiscardHandler)); c != nil || err != nil {
		t.Errorf("plain text: got %v, %v", c, err)
	}
}
