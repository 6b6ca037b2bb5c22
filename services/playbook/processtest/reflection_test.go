package processtest

import (
	"context"
	"fmt"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// reflected is a client that knows nothing of the API but what the server tells
// it, as grpcurl does.
type reflected struct {
	conn  *grpc.ClientConn
	files *protoregistry.Files
}

// reflect asks the server for the file that has a symbol, and all that it needs.
func reflect(ctx context.Context, conn *grpc.ClientConn, symbol string) (*reflected, error) {
	stream, err := grpc_reflection_v1.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	if err != nil {
		return nil, err
	}
	set := &descriptorpb.FileDescriptorSet{}
	known := map[string]bool{}
	ask := func(request *grpc_reflection_v1.ServerReflectionRequest) error {
		if err := stream.Send(request); err != nil {
			return err
		}
		response, err := stream.Recv()
		if err != nil {
			return err
		}
		if problem := response.GetErrorResponse(); problem != nil {
			return fmt.Errorf("%v: %s", request, problem.GetErrorMessage())
		}
		for _, raw := range response.GetFileDescriptorResponse().GetFileDescriptorProto() {
			file := &descriptorpb.FileDescriptorProto{}
			if err := proto.Unmarshal(raw, file); err != nil {
				return err
			}
			if !known[file.GetName()] {
				known[file.GetName()] = true
				set.File = append(set.File, file)
			}
		}
		return nil
	}
	if err := ask(&grpc_reflection_v1.ServerReflectionRequest{
		MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: symbol},
	}); err != nil {
		return nil, err
	}
	// set.File grows meanwhile.
	for i := 0; i < len(set.GetFile()); i++ {
		for _, name := range set.GetFile()[i].GetDependency() {
			if known[name] {
				continue
			}
			if err := ask(&grpc_reflection_v1.ServerReflectionRequest{
				MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_FileByFilename{FileByFilename: name},
			}); err != nil {
				return nil, err
			}
		}
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		return nil, err
	}
	return &reflected{conn: conn, files: files}, stream.CloseSend()
}

// call sends a request in JSON and returns the response.
func (r *reflected) call(ctx context.Context, service, method, request string) (*dynamicpb.Message, error) {
	found, err := r.files.FindDescriptorByName(protoreflect.FullName(service))
	if err != nil {
		return nil, err
	}
	described, ok := found.(protoreflect.ServiceDescriptor)
	if !ok {
		return nil, fmt.Errorf("%s is a %T", service, found)
	}
	rpc := described.Methods().ByName(protoreflect.Name(method))
	if rpc == nil {
		return nil, fmt.Errorf("%s has no method %s", service, method)
	}
	input, output := dynamicpb.NewMessage(rpc.Input()), dynamicpb.NewMessage(rpc.Output())
	if err := protojson.Unmarshal([]byte(request), input); err != nil {
		return nil, err
	}
	return output, r.conn.Invoke(ctx, "/"+service+"/"+method, input, output)
}

// A client without any code of the API creates a playbook and reads it.
func TestReflection(t *testing.T) {
	c, _ := start(t, grpcProcess, map[string]string{"DATABASE_URL": migrated(t), "GRPC_REFLECTION": "true"})
	if err := c.Ready(soon(t)); err != nil {
		t.Fatal(err)
	}
	ctx := soon(t)
	const service = "playbook.api.v1.PlaybookService"
	api, err := reflect(ctx, dial(t, c.Addr("grpc")), service)
	if err != nil {
		t.Fatal(err)
	}
	created, err := api.call(ctx, service, "CreatePlaybook", `{"name":"Welcome","steps":[{"kind":"STEP_KIND_CALL","title":"Ask","delay":"60s"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	field := func(message protoreflect.Message, name protoreflect.Name) protoreflect.Value {
		return message.Get(message.Descriptor().Fields().ByName(name))
	}
	id := field(field(created, "playbook").Message(), "id").String()
	read, err := api.call(ctx, service, "GetPlaybook", `{"id":"`+id+`"}`)
	if err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(field(created, "playbook").Message().Interface(), field(read, "playbook").Message().Interface()) {
		t.Errorf("read %v, want %v", read, created)
	}
	if _, err := api.call(ctx, service, "GetPlaybook", `{"id":"`+nobody+`"}`); status.Code(err) != codes.NotFound {
		t.Errorf("reading what is not there: %v", err)
	}
	if _, err := reflect(ctx, api.conn, "playbook.api.v1.NoService"); err == nil {
		t.Error("a service that is not there is described")
	}
}
