package tracing

import (
	"encoding/hex"
	"log/slog"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// Limits of one span, so that the memory of a full queue has a bound too.
const (
	// MaxTextBytes is how long a name, a message or an attribute's value may be;
	// the rest is cut off.
	MaxTextBytes = 1024
	// MaxSpanBytes is how long a span may become by its attributes, as JSON. Those
	// beyond are left out, and the span says how many.
	MaxSpanBytes = 4096
)

// modulePath names this package to those who look at spans.
const modulePath = "github.com/soketsugo/soketsugo/libs/runtime/tracing"

// Numbers of OTLP's enumerations and flags.
const (
	kindServer = 2
	codeError  = 2
	// flagRemoteKnown says that flagRemote means something, and flagRemote that
	// the parent is in another process.
	flagRemoteKnown = 1 << 8
	flagRemote      = 1 << 9
)

// resourceOf lists what is said about the process. OpenTelemetry's order of
// precedence: the variable for the name, then those for attributes, then what
// the process says about itself.
func resourceOf(configured, service, version string, attributes []pair) []pair {
	resource := []pair{
		{"service.name", service},
		{"service.version", version},
		{"telemetry.sdk.name", modulePath},
		{"telemetry.sdk.language", "go"},
		{"telemetry.sdk.version", version},
	}
	set := func(add pair) {
		for i := range resource {
			if resource[i].key == add.key {
				resource[i].value = add.value
				return
			}
		}
		resource = append(resource, add)
	}
	for _, attribute := range attributes {
		set(attribute)
	}
	if configured != "" {
		set(pair{"service.name", configured})
	}
	return resource
}

// appendHead appends what comes before the spans of a batch.
func appendHead(b []byte, resource []pair, version string) []byte {
	b = append(b, `{"resourceSpans":[{"resource":{"attributes":[`...)
	for i, p := range resource {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendAttribute(b, p.key, slog.StringValue(p.value))
	}
	b = append(b, `]},"scopeSpans":[{"scope":{"name":`...)
	b = appendString(b, modulePath)
	b = append(b, `,"version":`...)
	b = appendString(b, version)
	return append(b, `},"spans":[`...)
}

// tail is what comes after the spans of a batch.
const tail = `]}]}]}`

// appendSpan appends a span as OTLP's JSON form has it: IDs in hexadecimal,
// 64-bit numbers as text, enumerations as numbers.
func appendSpan(b []byte, span Span, r Record) []byte {
	begin := len(b)
	flags := flagSampled | flagRemoteKnown
	b = append(b, `{"traceId":"`...)
	b = hex.AppendEncode(b, span.TraceID[:])
	b = append(b, `","spanId":"`...)
	b = hex.AppendEncode(b, span.SpanID[:])
	if span.Parent != ([8]byte{}) {
		flags |= flagRemote
		b = append(b, `","parentSpanId":"`...)
		b = hex.AppendEncode(b, span.Parent[:])
	}
	b = append(b, '"')
	if span.State != "" {
		b = append(b, `,"traceState":`...)
		b = appendString(b, span.State)
	}
	b = append(b, `,"flags":`...)
	b = strconv.AppendInt(b, int64(flags), 10)
	b = append(b, `,"name":`...)
	b = appendString(b, clip(r.Name))
	b = append(b, `,"kind":`...)
	b = strconv.AppendInt(b, kindServer, 10)
	b = append(b, `,"startTimeUnixNano":"`...)
	b = strconv.AppendInt(b, r.Begin.UnixNano(), 10)
	// By the monotonic clock: somebody may have set the other one meanwhile.
	end := r.Begin.Add(max(r.End.Sub(r.Begin), 0))
	b = append(b, `","endTimeUnixNano":"`...)
	b = strconv.AppendInt(b, end.UnixNano(), 10)
	b = append(b, '"')
	b = appendAttributes(b, begin+MaxSpanBytes, r.Attributes)
	if r.Failed {
		b = append(b, `,"status":{"code":`...)
		b = strconv.AppendInt(b, codeError, 10)
		b = append(b, `,"message":`...)
		b = appendString(b, clip(r.Message))
		b = append(b, '}')
	}
	return append(b, '}')
}

// appendAttributes appends the attributes that fit below the limit, and how many
// do not.
func appendAttributes(b []byte, limit int, attributes []slog.Attr) []byte {
	if len(attributes) == 0 {
		return b
	}
	b = append(b, `,"attributes":[`...)
	list := attributeList{b: b, begin: len(b), limit: limit}
	for _, attribute := range attributes {
		list.add("", attribute)
	}
	b = append(list.b, ']')
	if list.dropped > 0 {
		b = append(b, `,"droppedAttributesCount":`...)
		b = strconv.AppendInt(b, int64(list.dropped), 10)
	}
	return b
}

type attributeList struct {
	b            []byte
	begin, limit int
	dropped      int
}

// add adds an attribute. Groups become prefixes, because names with dots are
// OpenTelemetry's way to nest.
func (l *attributeList) add(prefix string, attribute slog.Attr) {
	value := attribute.Value.Resolve()
	key := attribute.Key
	if prefix != "" && key != "" {
		key = prefix + "." + key
	} else if key == "" {
		key = prefix
	}
	if value.Kind() == slog.KindGroup {
		for _, member := range value.Group() {
			l.add(key, member)
		}
		return
	}
	if attribute.Key == "" {
		// Package slog's handlers leave out the empty attribute, too.
		return
	}
	before := len(l.b)
	if before > l.begin {
		l.b = append(l.b, ',')
	}
	l.b = appendAttribute(l.b, key, value)
	if len(l.b) > l.limit {
		l.b = l.b[:before]
		l.dropped++
	}
}

func appendAttribute(b []byte, key string, value slog.Value) []byte {
	b = append(b, `{"key":`...)
	b = appendString(b, clip(key))
	b = append(b, `,"value":{`...)
	b = appendValue(b, value)
	return append(b, "}}"...)
}

// appendValue appends the one field of an OTLP value.
func appendValue(b []byte, value slog.Value) []byte {
	switch value.Kind() {
	case slog.KindBool:
		b = append(b, `"boolValue":`...)
		return strconv.AppendBool(b, value.Bool())
	case slog.KindInt64:
		return appendInt(b, value.Int64())
	case slog.KindUint64:
		if number := value.Uint64(); number <= math.MaxInt64 {
			return appendInt(b, int64(number))
		}
	case slog.KindDuration:
		// In nanoseconds, as in the JSON log.
		return appendInt(b, int64(value.Duration()))
	case slog.KindFloat64:
		b = append(b, `"doubleValue":`...)
		return appendFloat(b, value.Float64())
	case slog.KindTime:
		b = append(b, `"stringValue":"`...)
		b = value.Time().AppendFormat(b, time.RFC3339Nano)
		return append(b, '"')
	}
	b = append(b, `"stringValue":`...)
	return appendString(b, clip(value.String()))
}

func appendInt(b []byte, number int64) []byte {
	b = append(b, `"intValue":"`...)
	b = strconv.AppendInt(b, number, 10)
	return append(b, '"')
}

// appendFloat writes what JSON has no numbers for as Protocol Buffers do.
func appendFloat(b []byte, number float64) []byte {
	switch {
	case math.IsNaN(number):
		return append(b, `"NaN"`...)
	case math.IsInf(number, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(number, -1):
		return append(b, `"-Infinity"`...)
	}
	return strconv.AppendFloat(b, number, 'g', -1, 64)
}

// clip cuts a text off at the limit, between two characters.
func clip(text string) string {
	if len(text) <= MaxTextBytes {
		return text
	}
	end := MaxTextBytes
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// appendString appends a JSON string. What is not UTF-8 becomes U+FFFD.
func appendString(b []byte, text string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ':
			b = append(b, '\\', 'u', '0', '0', digits[r>>4], digits[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
