package tracing

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/soketsugo/soketsugo/libs/runtime/config"
)

// Config is what can be set about traces. Names, formats and defaults are
// OpenTelemetry's.
type Config struct {
	Endpoint   string        `config:"OTEL_EXPORTER_OTLP_ENDPOINT" doc:"the collector that spans are sent to, with OTLP over HTTP: a URL such as http://collector:4318; nothing is sent when it is not set"`
	Headers    config.Secret `config:"OTEL_EXPORTER_OTLP_HEADERS" doc:"headers for the collector: key=value,key=value, with percent-encoding"`
	Timeout    int           `config:"OTEL_EXPORTER_OTLP_TIMEOUT" default:"10000" doc:"how many milliseconds one try to send spans may take"`
	Service    string        `config:"OTEL_SERVICE_NAME" doc:"the name under which spans are sent; the process's own when it is not set"`
	Attributes string        `config:"OTEL_RESOURCE_ATTRIBUTES" doc:"what else spans say about the process: key=value,key=value, with percent-encoding"`
	Sampler    string        `config:"OTEL_TRACES_SAMPLER" default:"parentbased_always_on" enum:"always_on,always_off,traceidratio,parentbased_always_on,parentbased_always_off,parentbased_traceidratio" doc:"which requests are sent as spans"`
	SamplerArg string        `config:"OTEL_TRACES_SAMPLER_ARG" default:"1" doc:"the part of requests that the traceidratio samplers take, from 0 to 1"`
}

// MaxTimeout is the longest OTEL_EXPORTER_OTLP_TIMEOUT.
const MaxTimeout = 10 * time.Minute

// settings is a Config that has been checked.
type settings struct {
	// url is where spans are sent; it is empty when they are not.
	url        string
	header     http.Header
	timeout    time.Duration
	attributes []pair
	sampler    sampler
}

// check reads the values that package config cannot. Its error has a line for
// each that is wrong, in the words of package config, and holds nothing secret.
func (c Config) check() (settings, error) {
	var s settings
	var mistakes []error
	mistake := func(name, held, takes string) {
		mistakes = append(mistakes, fmt.Errorf("%s is %s; it takes %s", name, held, takes))
	}
	var ok bool
	if s.url, ok = tracesURL(c.Endpoint); !ok {
		held := strconv.Quote(c.Endpoint)
		if strings.Contains(c.Endpoint, "@") {
			// There may be a password before it.
			held = config.Secret(c.Endpoint).String()
		}
		mistake("OTEL_EXPORTER_OTLP_ENDPOINT", held, "a URL that starts with http:// or https://, without user, query and fragment")
	}
	if s.header, ok = parseHeader(string(c.Headers)); !ok {
		mistake("OTEL_EXPORTER_OTLP_HEADERS", c.Headers.String(), "headers as key=value,key=value, with percent-encoding")
	}
	// Without an endpoint, the zero Config is a good one.
	if c.Endpoint != "" && (c.Timeout < 1 || c.Timeout > int(MaxTimeout/time.Millisecond)) {
		mistake("OTEL_EXPORTER_OTLP_TIMEOUT", strconv.Quote(strconv.Itoa(c.Timeout)),
			fmt.Sprintf("a whole number of milliseconds from 1 to %d", MaxTimeout/time.Millisecond))
	}
	s.timeout = time.Duration(c.Timeout) * time.Millisecond
	if s.attributes, ok = parsePairs(c.Attributes); !ok {
		mistake("OTEL_RESOURCE_ATTRIBUTES", strconv.Quote(c.Attributes), "attributes as key=value,key=value, with percent-encoding")
	}
	ratio, ok := parseRatio(c.SamplerArg)
	if !ok {
		mistake("OTEL_TRACES_SAMPLER_ARG", strconv.Quote(c.SamplerArg), "a number from 0 to 1")
	}
	if s.sampler, ok = samplerNamed(c.Sampler, ratio); !ok {
		mistake("OTEL_TRACES_SAMPLER", strconv.Quote(c.Sampler), "the name of one of OpenTelemetry's samplers")
	}
	return s, errors.Join(mistakes...)
}

// tracesURL returns where a collector takes spans. Credentials belong into
// headers: a URL gets into logs.
func tracesURL(endpoint string) (string, bool) {
	if endpoint == "" {
		return "", true
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" ||
		u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return "", false
	}
	return u.JoinPath("v1/traces").String(), true
}

// parseHeader reads headers. They are checked here because package http would do
// it with each request only.
func parseHeader(text string) (http.Header, bool) {
	pairs, ok := parsePairs(text)
	header := http.Header{}
	for _, p := range pairs {
		ok = ok && isToken(p.key) && isFieldValue(p.value)
		header.Set(p.key, p.value)
	}
	return header, ok
}

// isToken says whether HTTP takes the text as a header's name.
func isToken(text string) bool {
	for i := range len(text) {
		switch c := text[i]; {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return text != ""
}

// isFieldValue says whether HTTP takes the text as a header's value.
func isFieldValue(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

type pair struct{ key, value string }

// parsePairs reads "key=value,key=value" with percent-encoding. Empty members
// are left out, because that is what an unset substitution in a manifest leaves.
func parsePairs(text string) ([]pair, bool) {
	var pairs []pair
	for member := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(member) == "" {
			continue
		}
		key, value, found := strings.Cut(member, "=")
		// Unlike a query, a "+" here is a plus.
		key, keyErr := url.PathUnescape(strings.TrimSpace(key))
		value, valueErr := url.PathUnescape(strings.TrimSpace(value))
		if !found || key == "" || keyErr != nil || valueErr != nil {
			return nil, false
		}
		pairs = append(pairs, pair{key, value})
	}
	return pairs, true
}
