// Package breaking finds what in .proto files would break clients that were built
// from an earlier state of them, under the names that buf gives the rules.
//
// The rules are those of buf's category WIRE_JSON, for messages that travel in
// binary and as JSON, and these on top: services and rpcs stay (SERVICE_NO_DELETE,
// RPC_NO_DELETE), and fields keep their type and cardinality to the letter
// (FIELD_SAME_TYPE, FIELD_SAME_CARDINALITY). Code is compared as proto3, where
// fields have no defaults of their own and none is required.
package breaking

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/soketsugo/soketsugo/tools/protocheck/finding"
)

// Changes returns what in the files of now breaks clients that were built from
// those of old, in order.
func Changes(old, now []protoreflect.FileDescriptor) ([]finding.Finding, error) {
	c := &comparison{now: &protoregistry.Files{}}
	for _, file := range now {
		if err := c.now.RegisterFile(file); err != nil {
			return nil, fmt.Errorf("putting files together: %w", err)
		}
	}
	for _, file := range old {
		c.enums(file.Enums())
		c.messages(file.Messages())
		c.services(file.Services())
	}
	finding.Sort(c.findings)
	return c.findings, nil
}

type comparison struct {
	findings []finding.Finding
	now      *protoregistry.Files
}

func (c *comparison) report(declaration protoreflect.Descriptor, rule, problem, instead string) {
	c.findings = append(c.findings, finding.At(declaration, rule, problem, instead))
}

// find looks for what an old declaration is now, wherever it may have moved within
// its package.
func find[D protoreflect.Descriptor](c *comparison, old D) (D, bool) {
	var none D
	found, err := c.now.FindDescriptorByName(old.FullName())
	if err != nil {
		return none, false
	}
	now, ok := found.(D)
	return now, ok
}

func (c *comparison) enums(enums protoreflect.EnumDescriptors) {
	for i := range enums.Len() {
		// An enum that is gone is found where a field had it.
		if now, ok := find(c, enums.Get(i)); ok {
			c.enum(enums.Get(i), now)
		}
	}
}

func (c *comparison) enum(old, now protoreflect.EnumDescriptor) {
	for i := range old.Values().Len() {
		value := old.Values().Get(i)
		same := now.Values().ByNumber(value.Number())
		switch {
		case same == nil && !now.ReservedRanges().Has(value.Number()):
			c.report(now, "ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED", fmt.Sprintf("value %s = %d is gone, and its number may come to mean something else", value.Name(), value.Number()),
				fmt.Sprintf("keep it, or write reserved %d;", value.Number()))
		case same != nil && same.Name() != value.Name():
			c.report(same, "ENUM_VALUE_SAME_NAME", fmt.Sprintf("value %d is called %s instead of %s, which is what JSON has", value.Number(), same.Name(), value.Name()),
				"keep the name, or give the new one a new number")
		}
		if same == nil && !now.ReservedNames().Has(value.Name()) {
			c.report(now, "ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED", fmt.Sprintf("value %s = %d is gone, and its name, which is what JSON has, may come to mean something else", value.Name(), value.Number()),
				fmt.Sprintf("keep it, or write reserved %q;", value.Name()))
		}
	}
	c.reserved(now, "RESERVED_ENUM_NO_DELETE", enumRanges(old), enumRanges(now))
	c.reservedNames(now, "RESERVED_ENUM_NO_DELETE", old.ReservedNames(), now.ReservedNames())
}

// span is the numbers from the first to the last.
type span struct{ first, last int64 }

func enumRanges(enum protoreflect.EnumDescriptor) []span {
	var spans []span
	for i := range enum.ReservedRanges().Len() {
		reserved := enum.ReservedRanges().Get(i)
		spans = append(spans, span{int64(reserved[0]), int64(reserved[1])})
	}
	return spans
}

func messageRanges(message protoreflect.MessageDescriptor) []span {
	var spans []span
	for i := range message.ReservedRanges().Len() {
		// The second number is that after the last, other than in an enum.
		reserved := message.ReservedRanges().Get(i)
		spans = append(spans, span{int64(reserved[0]), int64(reserved[1]) - 1})
	}
	return spans
}

// reserved reports the first number of each old range that is not in one now.
func (c *comparison) reserved(now protoreflect.Descriptor, rule string, old, spans []span) {
	for _, was := range old {
		number := was.first
		for number <= was.last {
			i := slices.IndexFunc(spans, func(s span) bool { return s.first <= number && number <= s.last })
			if i < 0 {
				c.report(now, rule, fmt.Sprintf("number %d of %s is not reserved any more, and old clients know it", number, now.Name()), fmt.Sprintf("write reserved %d;", number))
				break
			}
			number = spans[i].last + 1
		}
	}
}

func (c *comparison) reservedNames(now protoreflect.Descriptor, rule string, old, names protoreflect.Names) {
	for i := range old.Len() {
		if !names.Has(old.Get(i)) {
			c.report(now, rule, fmt.Sprintf("name %s of %s is not reserved any more, and old clients know it", old.Get(i), now.Name()), fmt.Sprintf("write reserved %q;", old.Get(i)))
		}
	}
}

func (c *comparison) messages(messages protoreflect.MessageDescriptors) {
	for i := range messages.Len() {
		old := messages.Get(i)
		if old.IsMapEntry() {
			continue
		}
		// A message that is gone is found where a field or an rpc had it.
		if now, ok := find(c, old); ok {
			c.message(old, now)
		}
		c.enums(old.Enums())
		c.messages(old.Messages())
	}
}

func (c *comparison) message(old, now protoreflect.MessageDescriptor) {
	for i := range old.Fields().Len() {
		field := old.Fields().Get(i)
		if same := now.Fields().ByNumber(field.Number()); same != nil {
			c.field(field, same)
			continue
		}
		if !now.ReservedRanges().Has(field.Number()) {
			c.report(now, "FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED", fmt.Sprintf("field %s = %d of %s is gone, and its number may come to mean something else", field.Name(), field.Number(), now.Name()),
				fmt.Sprintf("keep it, or write reserved %d;", field.Number()))
		}
		if !now.ReservedNames().Has(field.Name()) {
			c.report(now, "FIELD_NO_DELETE_UNLESS_NAME_RESERVED", fmt.Sprintf("field %s = %d of %s is gone, and its name, which is what JSON has, may come to mean something else", field.Name(), field.Number(), now.Name()),
				fmt.Sprintf("keep it, or write reserved %q;", field.Name()))
		}
	}
	c.reserved(now, "RESERVED_MESSAGE_NO_DELETE", messageRanges(old), messageRanges(now))
	c.reservedNames(now, "RESERVED_MESSAGE_NO_DELETE", old.ReservedNames(), now.ReservedNames())
}

func (c *comparison) field(old, now protoreflect.FieldDescriptor) {
	const keep = "keep it, or add another field under a new number"
	changed := func(rule, what, had, has string) {
		if had != has {
			c.report(now, rule, fmt.Sprintf("field %d of %s had %s %s and has %s", now.Number(), now.ContainingMessage().Name(), what, had, has), keep)
		}
	}
	changed("FIELD_SAME_NAME", "the name", string(old.Name()), string(now.Name()))
	if old.Name() == now.Name() {
		changed("FIELD_SAME_JSON_NAME", "the JSON name", old.JSONName(), now.JSONName())
	}
	changed("FIELD_SAME_TYPE", "the type", typeOf(old), typeOf(now))
	changed("FIELD_SAME_CARDINALITY", "the cardinality", cardinalityOf(old), cardinalityOf(now))
	changed("FIELD_SAME_ONEOF", "the oneof", oneofOf(old), oneofOf(now))
}

func typeOf(field protoreflect.FieldDescriptor) string {
	switch {
	case field.IsMap():
		return fmt.Sprintf("map<%s, %s>", typeOf(field.MapKey()), typeOf(field.MapValue()))
	case field.Enum() != nil:
		return fmt.Sprintf("%s %s", field.Kind(), field.Enum().FullName())
	case field.Message() != nil:
		return fmt.Sprintf("%s %s", field.Kind(), field.Message().FullName())
	default:
		return field.Kind().String()
	}
}

func cardinalityOf(field protoreflect.FieldDescriptor) string {
	switch {
	case field.IsMap():
		return "map"
	case field.HasOptionalKeyword():
		return "optional"
	case field.Cardinality() == protoreflect.Repeated:
		return "repeated"
	default:
		return "single"
	}
}

func oneofOf(field protoreflect.FieldDescriptor) string {
	if oneof := field.ContainingOneof(); oneof != nil && !oneof.IsSynthetic() {
		return string(oneof.Name())
	}
	return "(none)"
}

func (c *comparison) services(services protoreflect.ServiceDescriptors) {
	for i := range services.Len() {
		old := services.Get(i)
		now, ok := find(c, old)
		if !ok {
			c.gone(old)
			continue
		}
		for j := range old.Methods().Len() {
			method := old.Methods().Get(j)
			if same := now.Methods().ByName(method.Name()); same != nil {
				c.method(method, same)
				continue
			}
			c.report(now, "RPC_NO_DELETE", fmt.Sprintf("rpc %s of %s is gone, and calls of it would fail with UNIMPLEMENTED", method.Name(), now.Name()), "keep it; what it does may be little")
		}
	}
}

// gone reports a service where it was: in its file, if that is still there.
func (c *comparison) gone(service protoreflect.ServiceDescriptor) {
	c.findings = append(c.findings, finding.Finding{
		Path: service.ParentFile().Path(), Line: 1, Rule: "SERVICE_NO_DELETE",
		Problem: fmt.Sprintf("service %s is gone, and calls of it would fail with UNIMPLEMENTED", service.FullName()), Instead: "keep it; what it does may be little",
	})
}

func (c *comparison) method(old, now protoreflect.MethodDescriptor) {
	const keep = "keep it, or add another rpc under a new name"
	changed := func(rule, what, had, has string) {
		if had != has {
			c.report(now, rule, fmt.Sprintf("rpc %s of %s had %s %s and has %s", now.Name(), now.Parent().Name(), what, had, has), keep)
		}
	}
	changed("RPC_SAME_REQUEST_TYPE", "the request", string(old.Input().FullName()), string(now.Input().FullName()))
	changed("RPC_SAME_RESPONSE_TYPE", "the response", string(old.Output().FullName()), string(now.Output().FullName()))
	changed("RPC_SAME_CLIENT_STREAMING", "as the client's side", side(old.IsStreamingClient()), side(now.IsStreamingClient()))
	changed("RPC_SAME_SERVER_STREAMING", "as the server's side", side(old.IsStreamingServer()), side(now.IsStreamingServer()))
	changed("RPC_SAME_IDEMPOTENCY_LEVEL", "the idempotency level", idempotency(old), idempotency(now))
}

func side(stream bool) string {
	if stream {
		return "a stream"
	}
	return "one message"
}

func idempotency(method protoreflect.MethodDescriptor) string {
	options, _ := method.Options().(*descriptorpb.MethodOptions)
	return options.GetIdempotencyLevel().String()
}
