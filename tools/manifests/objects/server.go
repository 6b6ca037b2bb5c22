package objects

import (
	"time"

	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	policy "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/soketsugo/soketsugo/libs/runtime/lifecycle"
	"github.com/soketsugo/soketsugo/tools/manifests/workload"
)

const (
	// surge lets a rollout of many replicas go on in steps of a quarter; of few, one
	// at a time.
	surge = "25%"
	// targetCPU leaves room for the load of a replica that leaves.
	targetCPU = 70
	// servicePort is that of a Service that speaks HTTP.
	servicePort = 80
)

func (b *builder) deployment() (Object, error) {
	grace, err := b.grace()
	if err != nil {
		return nil, err
	}
	c := b.container()
	if err := b.addProbes(&c); err != nil {
		return nil, err
	}
	pod := b.pod(c, grace)
	pod.Spec.TopologySpreadConstraints = []core.TopologySpreadConstraint{
		b.spread("kubernetes.io/hostname"), b.spread("topology.kubernetes.io/zone"),
	}
	d := &apps.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: b.meta(""),
		Spec: apps.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: b.selector()},
			Strategy: apps.DeploymentStrategy{Type: apps.RollingUpdateDeploymentStrategyType, RollingUpdate: &apps.RollingUpdateDeployment{
				MaxUnavailable: new(intstr.FromInt32(0)), MaxSurge: new(intstr.FromString(surge)),
			}},
			Template: pod,
		},
	}
	d.Annotations = b.schema(SchemaRequired)
	// Where there is an autoscaler the number is its own, and applying must not
	// take it back.
	if b.Replicas.Max == b.Replicas.Min {
		d.Spec.Replicas = &b.Replicas.Min
	}
	return d, nil
}

// grace is how long the process takes to end, by its own settings.
func (b *builder) grace() (grace time.Duration, err error) {
	var c lifecycle.Config
	if c.DrainDelay, err = b.settings.Duration("DRAIN_DELAY"); err != nil {
		return 0, err
	}
	if c.ShutdownTimeout, err = b.settings.Duration("SHUTDOWN_TIMEOUT"); err != nil {
		return 0, err
	}
	return c.GracePeriod(), nil
}

// spread keeps replicas apart as far as it can be done, those of each release by
// themselves.
func (b *builder) spread(key string) core.TopologySpreadConstraint {
	return core.TopologySpreadConstraint{
		MaxSkew: 1, TopologyKey: key, WhenUnsatisfiable: core.ScheduleAnyway,
		LabelSelector:  &metav1.LabelSelector{MatchLabels: b.selector()},
		MatchLabelKeys: []string{"pod-template-hash"},
	}
}

// disruptionBudget lets nodes be drained one replica at a time; even a single
// one, which a budget could only make unmovable.
func (b *builder) disruptionBudget() Object {
	return &policy.PodDisruptionBudget{
		TypeMeta:   metav1.TypeMeta{APIVersion: "policy/v1", Kind: "PodDisruptionBudget"},
		ObjectMeta: b.meta(""),
		Spec: policy.PodDisruptionBudgetSpec{
			MaxUnavailable: new(intstr.FromInt32(1)),
			Selector:       &metav1.LabelSelector{MatchLabels: b.selector()},
			// One that is not ready serves nobody, and may go.
			UnhealthyPodEvictionPolicy: new(policy.AlwaysAllow),
		},
	}
}

func (b *builder) autoscaler() Object {
	return &autoscaling.HorizontalPodAutoscaler{
		TypeMeta:   metav1.TypeMeta{APIVersion: "autoscaling/v2", Kind: "HorizontalPodAutoscaler"},
		ObjectMeta: b.meta(""),
		Spec: autoscaling.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscaling.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: b.Name()},
			MinReplicas:    &b.Replicas.Min,
			MaxReplicas:    b.Replicas.Max,
			Metrics: []autoscaling.MetricSpec{{
				Type: autoscaling.ResourceMetricSourceType,
				Resource: &autoscaling.ResourceMetricSource{Name: core.ResourceCPU, Target: autoscaling.MetricTarget{
					Type: autoscaling.UtilizationMetricType, AverageUtilization: new(int32(targetCPU)),
				}},
			}},
		},
	}
}

// services returns a Service, and for gRPC, whose clients balance for themselves,
// one that gives them all addresses.
func (b *builder) services() []Object {
	switch b.Kind {
	case workload.GRPC:
		headless := b.service("-headless", b.port(grpcPort), grpcPort, "kubernetes.io/h2c")
		headless.Spec.ClusterIP = core.ClusterIPNone
		return []Object{b.service("", b.port(grpcPort), grpcPort, "kubernetes.io/h2c"), headless}
	case workload.REST:
		return []Object{b.service("", servicePort, httpPort, "http")}
	}
	return nil
}

func (b *builder) service(suffix string, port int32, name, protocol string) *core.Service {
	if b.TLSSecret != "" {
		// What is inside TLS is no proxy's business.
		protocol = "tls"
	}
	return &core.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: b.meta(suffix),
		Spec: core.ServiceSpec{
			Type:     core.ServiceTypeClusterIP,
			Selector: b.selector(),
			Ports: []core.ServicePort{{
				Name: name, Port: port, TargetPort: intstr.FromString(name), Protocol: core.ProtocolTCP, AppProtocol: &protocol,
			}},
		},
	}
}
