package objects

import (
	"fmt"
	"strconv"

	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/soketsugo/soketsugo/tools/manifests/settings"
	"github.com/soketsugo/soketsugo/tools/manifests/workload"
)

// Object is a typed object.
type Object interface {
	runtime.Object
	metav1.Object
}

// Labels and annotations. The recommended ones are at
// https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels.
const (
	NameLabel      = "app.kubernetes.io/name"
	InstanceLabel  = "app.kubernetes.io/instance"
	ComponentLabel = "app.kubernetes.io/component"
	PartOfLabel    = "app.kubernetes.io/part-of"
	ManagedByLabel = "app.kubernetes.io/managed-by"
	// Manager is the value of ManagedByLabel.
	Manager = "soketsugo"

	// SchemaRequired says, on a Deployment, which schema version its server needs.
	SchemaRequired = "soketsugo.dev/schema-required"
	// SchemaBrings says, on a Job, which schema version it brings.
	SchemaBrings = "soketsugo.dev/schema-brings"
)

// Objects returns all objects of a process but its ConfigMap, which is Spec.Env.
func Objects(s Spec, answers settings.Settings) ([]Object, error) {
	b := builder{Spec: s, settings: answers}
	if err := b.findPorts(); err != nil {
		return nil, err
	}
	objects := []Object{b.serviceAccount(), b.networkPolicy()}
	if s.IsJob() {
		job, err := b.job()
		if err != nil {
			return nil, err
		}
		return append(objects, job), nil
	}
	deployment, err := b.deployment()
	if err != nil {
		return nil, err
	}
	objects = append(objects, deployment, b.disruptionBudget())
	if s.Replicas.Max > s.Replicas.Min {
		objects = append(objects, b.autoscaler())
	}
	objects = append(objects, b.services()...)
	if len(s.Hosts) > 0 {
		objects = append(objects, b.route())
	}
	return objects, nil
}

// builder makes the objects of one process.
type builder struct {
	Spec
	settings settings.Settings
	// ports are those of the container, what it serves first.
	ports []core.ContainerPort
}

// Names of ports.
const (
	grpcPort   = "grpc"
	httpPort   = "http"
	healthPort = "health"
	adminPort  = "admin"
)

// findPorts reads the ports that the process listens on.
func (b *builder) findPorts() error {
	type listener struct{ name, setting string }
	var listeners []listener
	switch b.Kind {
	case workload.GRPC:
		listeners = append(listeners, listener{grpcPort, "GRPC_ADDR"})
		if b.TLSSecret != "" {
			listeners = append(listeners, listener{healthPort, "HEALTH_ADDR"})
		}
	case workload.REST:
		listeners = append(listeners, listener{httpPort, "HTTP_ADDR"})
	case workload.Migrate:
		return nil
	}
	listeners = append(listeners, listener{adminPort, "ADMIN_ADDR"})
	taken := map[int32]string{}
	for _, l := range listeners {
		port, err := b.settings.Port(l.setting)
		if err != nil {
			return err
		}
		if other, found := taken[port]; found {
			return fmt.Errorf("port %d is used twice: by %s and by %s", port, other, l.setting)
		}
		taken[port] = l.setting
		b.ports = append(b.ports, core.ContainerPort{Name: l.name, ContainerPort: port, Protocol: core.ProtocolTCP})
	}
	return nil
}

// port returns the number of a port that there is.
func (b *builder) port(name string) int32 {
	for _, port := range b.ports {
		if port.Name == name {
			return port.ContainerPort
		}
	}
	return 0
}

// meta is the metadata of an object that is named as the process, or with a
// suffix.
func (b *builder) meta(suffix string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: b.Name() + suffix, Labels: b.labels()}
}

func (b *builder) labels() map[string]string {
	return map[string]string{
		NameLabel:                   b.Name(),
		"app.kubernetes.io/version": b.settings.Version,
		ComponentLabel:              b.Kind,
		PartOfLabel:                 b.Service,
		ManagedByLabel:              Manager,
	}
}

// selector finds the pods, and never changes.
func (b *builder) selector() map[string]string { return map[string]string{NameLabel: b.Name()} }

func (b *builder) schema(annotation string) map[string]string {
	if b.settings.Schema == 0 {
		return nil
	}
	return map[string]string{annotation: strconv.FormatInt(b.settings.Schema, 10)}
}

func (b *builder) serviceAccount() Object {
	return &core.ServiceAccount{
		TypeMeta:                     metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"},
		ObjectMeta:                   b.meta(""),
		AutomountServiceAccountToken: new(false),
	}
}
