package config

import (
	"errors"
	"net"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// SecretURL is a URL that may hold a password. It prints as a fixed text, so
// that it cannot get into a log by accident.
type SecretURL string

// String returns a fixed text, not the URL. Convert to string for that.
func (SecretURL) String() string { return redacted }

// GoString returns a fixed text too, for %#v.
func (SecretURL) GoString() string { return redacted }

// MarshalText returns a fixed text too, for loggers and encoders.
func (SecretURL) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Secret is text that must not be shown, such as a header with a token. It
// prints as a fixed text, as SecretURL does.
type Secret string

// String returns a fixed text, not the secret. Convert to string for that.
func (Secret) String() string { return redacted }

// GoString returns a fixed text too, for %#v.
func (Secret) GoString() string { return redacted }

// MarshalText returns a fixed text too, for loggers and encoders.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

const redacted = "(redacted)"

// HostPort is an address to listen on: ":8080", "127.0.0.1:0", "[::1]:8080".
type HostPort string

// setting is one field of a configuration.
type setting struct {
	name     string
	fallback string
	doc      string
	required bool
	// option says that only a flag sets it.
	option  bool
	enum    []string
	schemes []string
	// least is the shortest duration that it takes.
	least  time.Duration
	target any
	// held is the value that the setting got, and origin says from where.
	held, origin string
}

func newSetting(name string, field reflect.StructField, value reflect.Value) setting {
	s := setting{
		name:     name,
		fallback: field.Tag.Get("default"),
		doc:      field.Tag.Get("doc"),
		required: field.Tag.Get("required") == "true",
		enum:     list(field.Tag.Get("enum")),
		schemes:  list(field.Tag.Get("schemes")),
	}
	if option := field.Tag.Get("flag"); option != "" {
		s.name, s.option = option, true
	}
	if s.name == "" || !value.CanSet() {
		panic("config: field " + field.Name + " needs a config tag and an upper-case name")
	}
	s.target = value.Addr().Interface()
	if least := field.Tag.Get("min"); least != "" {
		parsed, err := time.ParseDuration(least)
		if _, ok := s.target.(*time.Duration); err != nil || !ok {
			panic("config: field " + field.Name + " has a min that is none of a duration")
		}
		s.least = parsed
	}
	switch s.target.(type) {
	case *string, *bool, *int, *time.Duration, *SecretURL, *Secret, *HostPort:
	default:
		panic("config: field " + field.Name + " has a type that cannot be read")
	}
	if s.fallback != "" && s.set(s.fallback) != nil {
		panic("config: field " + field.Name + " has a default that it does not take")
	}
	return s
}

func list(tag string) []string {
	if tag == "" {
		return nil
	}
	return strings.Split(tag, ",")
}

// flag returns the name of the flag without its dashes.
func (s setting) flag() string { return strings.ReplaceAll(strings.ToLower(s.name), "_", "-") }

func (s setting) isBool() bool {
	_, ok := s.target.(*bool)
	return ok
}

func (s setting) isSecret() bool {
	switch s.target.(type) {
	case *SecretURL, *Secret:
		return true
	}
	return false
}

var errNotTaken = errors.New("not what the setting takes")

// set stores a value, or returns an error when it is not what the setting
// takes.
func (s setting) set(held string) error {
	switch target := s.target.(type) {
	case *string:
		if s.enum != nil && !slices.Contains(s.enum, held) {
			return errNotTaken
		}
		*target = held
	case *bool:
		switch held {
		case "true", "1":
			*target = true
		case "false", "0":
			*target = false
		default:
			return errNotTaken
		}
	case *int:
		number, err := strconv.Atoi(held)
		if err != nil || number < 0 {
			return errNotTaken
		}
		*target = number
	case *time.Duration:
		duration, err := time.ParseDuration(held)
		if err != nil || duration < s.least {
			return errNotTaken
		}
		*target = duration
	case *Secret:
		*target = Secret(held)
	case *SecretURL:
		parsed, err := url.Parse(held)
		if err != nil || parsed.Scheme == "" || s.schemes != nil && !slices.Contains(s.schemes, parsed.Scheme) {
			return errNotTaken
		}
		*target = SecretURL(held)
	case *HostPort:
		_, port, err := net.SplitHostPort(held)
		if err != nil {
			return errNotTaken
		}
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return errNotTaken
		}
		*target = HostPort(held)
	}
	return nil
}

// takes says in words what set accepts.
func (s setting) takes() string {
	switch s.target.(type) {
	case *bool:
		return "true or false"
	case *int:
		return "a whole number from 0"
	case *time.Duration:
		if s.least > 0 {
			return "a duration such as 500ms, 20s or 5m, from " + s.least.String()
		}
		return "a duration such as 500ms, 20s or 5m"
	case *SecretURL:
		if s.schemes != nil {
			return "a URL that starts with " + strings.Join(s.schemes, ":// or ") + "://"
		}
		return "a URL"
	case *HostPort:
		return "host:port or :port, such as 127.0.0.1:8080"
	}
	if s.enum != nil {
		return "one of " + strings.Join(s.enum, ", ")
	}
	return "text"
}

// quote shows a wrong value, unless it may be secret.
func (s setting) quote(held string) string {
	if s.isSecret() {
		return redacted
	}
	return strconv.Quote(s.show(held))
}

// show returns a value without what may be secret in it: a URL of any setting can
// hold a password.
func (s setting) show(held string) string {
	if held != "" && s.isSecret() {
		return redacted
	}
	if parsed, err := url.Parse(held); err == nil && parsed.User != nil {
		return parsed.Redacted()
	}
	return held
}
