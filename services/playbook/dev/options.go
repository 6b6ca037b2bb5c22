package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"

	"github.com/bazelbuild/rules_go/go/runfiles"
)

const usage = `dev: runs the playbook service on this machine: migrate, then grpc and rest,
each as a process of its own, on one database. Ctrl-C stops them.

  bazel run //:dev                                 on an SQLite file that is kept
  bazel run //:dev -- --smoke                      a scenario on a throw-away database
  bazel run //:dev -- --database-url postgres://…  on PostgreSQL

`

type options struct {
	smoke                                            bool
	data                                             string
	databaseURL, databaseName                        string
	migrateBinary, grpcBinary, restBinary            string
	grpcAddr, grpcAdminAddr, httpAddr, httpAdminAddr string
}

// parseOptions returns flag.ErrHelp when help was asked for and printed.
func parseOptions(args []string, output io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("dev", flag.ContinueOnError)
	// Mistakes are printed by the caller, in one line; --help goes to output.
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	flags.BoolVar(&o.smoke, "smoke", false, "run a scenario over both transports on free ports and a throw-away database, and exit")
	flags.StringVar(&o.data, "data", "", "the `folder` of the SQLite file (default: soketsugo/playbook in the user's cache folder)")
	flags.StringVar(&o.databaseURL, "database-url", "", "the `URL` of a database to use instead: postgres://… or sqlite:///path")
	flags.StringVar(&o.grpcAddr, "grpc-addr", "127.0.0.1:50051", "`host:port` for gRPC; port 0 takes a free one")
	flags.StringVar(&o.httpAddr, "http-addr", "127.0.0.1:8080", "`host:port` for REST; port 0 takes a free one")
	flags.StringVar(&o.grpcAdminAddr, "grpc-admin-addr", "127.0.0.1:8081", "`host:port` for the admin endpoints of grpc")
	flags.StringVar(&o.httpAdminAddr, "http-admin-addr", "127.0.0.1:8082", "`host:port` for the admin endpoints of rest")
	flags.StringVar(&o.migrateBinary, "migrate-binary", "", "`path` of the migrate process; Bazel sets it")
	flags.StringVar(&o.grpcBinary, "grpc-binary", "", "`path` of the grpc process; Bazel sets it")
	flags.StringVar(&o.restBinary, "rest-binary", "", "`path` of the rest process; Bazel sets it")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(output, usage)
			flags.SetOutput(output)
			flags.PrintDefaults()
			return options{}, err
		}
		return options{}, fmt.Errorf("%w; --help lists the flags", err)
	}
	if flags.NArg() > 0 {
		return options{}, fmt.Errorf("%q is not a flag; --help lists them", flags.Arg(0))
	}
	if o.data != "" && o.databaseURL != "" {
		return options{}, errors.New("--data and --database-url exclude each other: the first chooses an SQLite file, the second a database")
	}
	for _, binary := range []struct {
		flag string
		path *string
	}{{"--migrate-binary", &o.migrateBinary}, {"--grpc-binary", &o.grpcBinary}, {"--rest-binary", &o.restBinary}} {
		located, err := locate(*binary.path)
		if err != nil {
			return options{}, fmt.Errorf("%s %w; start with `bazel run //:dev`, or build the process with "+
				"`go build -tags sqlite` and give its path", binary.flag, err)
		}
		*binary.path = located
	}
	for _, address := range []struct{ flag, value string }{
		{"--grpc-addr", o.grpcAddr}, {"--http-addr", o.httpAddr},
		{"--grpc-admin-addr", o.grpcAdminAddr}, {"--http-admin-addr", o.httpAdminAddr},
	} {
		if err := checkAddress(address.value); err != nil {
			return options{}, fmt.Errorf("%s is %q (%w); it takes host:port, such as 127.0.0.1:8080", address.flag, address.value, err)
		}
	}
	if o.databaseURL != "" {
		parsed, err := url.Parse(o.databaseURL)
		if err != nil || parsed.Scheme == "" {
			// The error quotes the URL, which may hold a password.
			return options{}, errors.New("--database-url cannot be parsed; it takes postgres://user@host/name or sqlite:///path")
		}
		o.databaseName = parsed.Scheme + "://" + parsed.Host + parsed.Path
	}
	if o.smoke {
		o.grpcAddr, o.httpAddr, o.grpcAdminAddr, o.httpAdminAddr = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	}
	return o, nil
}

func checkAddress(address string) error {
	_, port, err := net.SplitHostPort(address)
	var inner *net.AddrError
	switch {
	case errors.As(err, &inner):
		return errors.New(inner.Err)
	case err != nil:
		return err
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return fmt.Errorf("%q is no port", port)
	}
	return nil
}

// locate accepts absolute paths, paths relative to the current folder and
// paths in Bazel's runfiles.
func locate(path string) (string, error) {
	if path == "" {
		return "", errors.New("is not set")
	}
	if _, err := os.Stat(path); err == nil {
		return filepath.Abs(path)
	}
	if located, err := runfiles.Rlocation(path); err == nil {
		if _, err := os.Stat(located); err == nil {
			return filepath.Abs(located)
		}
	}
	return "", fmt.Errorf("is %q, where there is no file", path)
}

// database returns the URL of the database to use, a name of it for people,
// and a function that removes what must not be kept.
func (o options) database() (databaseURL, name string, clean func(), err error) {
	keep := func() {}
	if o.databaseURL != "" {
		return o.databaseURL, o.databaseName, keep, nil
	}
	folder := o.data
	switch {
	case folder != "":
	case o.smoke:
		if folder, err = os.MkdirTemp("", "soketsugo-smoke-"); err != nil {
			return "", "", keep, fmt.Errorf("making a folder for the database: %w", err)
		}
		temporary := folder
		keep = func() { _ = os.RemoveAll(temporary) }
	default:
		cache, err := os.UserCacheDir()
		if err != nil {
			// No HOME: nothing can be kept between runs, but everything else works.
			cache = os.TempDir()
		}
		folder = filepath.Join(cache, "soketsugo", "playbook")
	}
	if folder, err = filepath.Abs(folder); err != nil {
		return "", "", keep, fmt.Errorf("finding the database's folder: %w", err)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", "", keep, fmt.Errorf("the database's folder cannot be made: %w; choose another with --data", err)
	}
	file := filepath.Join(folder, "playbook.db")
	return (&url.URL{Scheme: "sqlite", Path: file}).String(), file, keep, nil
}
