package objects

import (
	"maps"
	"math"
	"slices"
	"time"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/soketsugo/soketsugo/tools/manifests/workload"
)

// user is the uid and the gid in every image.
const user = 65532

// What a container may write: its log, as nothing else can be written to.
const (
	storage      = "16Mi"
	storageLimit = "256Mi"
)

// container returns the one container of a pod.
func (b *builder) container() core.Container {
	c := core.Container{
		Name:  b.Process,
		Image: b.Name(),
		// The image is named by digest, so what is there is right.
		ImagePullPolicy: core.PullIfNotPresent,
		Ports:           b.ports,
		EnvFrom: []core.EnvFromSource{{
			ConfigMapRef: &core.ConfigMapEnvSource{LocalObjectReference: core.LocalObjectReference{Name: b.Name()}},
		}},
		Resources: core.ResourceRequirements{
			Requests: core.ResourceList{
				core.ResourceCPU:              resource.MustParse(b.Resources.CPU),
				core.ResourceMemory:           resource.MustParse(b.Resources.Memory),
				core.ResourceEphemeralStorage: resource.MustParse(storage),
			},
			Limits: core.ResourceList{
				core.ResourceCPU:              resource.MustParse(b.Resources.CPULimit),
				core.ResourceMemory:           resource.MustParse(b.Resources.MemoryLimit),
				core.ResourceEphemeralStorage: resource.MustParse(storageLimit),
			},
		},
		SecurityContext: &core.SecurityContext{
			AllowPrivilegeEscalation: new(false),
			Capabilities:             &core.Capabilities{Drop: []core.Capability{"ALL"}},
			ReadOnlyRootFilesystem:   new(true),
		},
	}
	for _, name := range slices.Sorted(maps.Keys(b.Secrets)) {
		// Parse has made sure that it is a reference.
		ref, _ := workload.SecretRef(b.Secrets[name])
		selector := &core.SecretKeySelector{LocalObjectReference: core.LocalObjectReference{Name: ref.Secret}, Key: ref.Key}
		if ref.Optional {
			selector.Optional = new(true)
		}
		c.Env = append(c.Env, core.EnvVar{Name: name, ValueFrom: &core.EnvVarSource{SecretKeyRef: selector}})
	}
	if b.TLSSecret != "" {
		c.VolumeMounts = []core.VolumeMount{{Name: "tls", MountPath: TLSFolder, ReadOnly: true}}
	}
	return c
}

// pod returns the template of a pod that passes the standard "restricted".
func (b *builder) pod(c core.Container, grace time.Duration) core.PodTemplateSpec {
	pod := core.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: b.labels()},
		Spec: core.PodSpec{
			ServiceAccountName:            b.Name(),
			AutomountServiceAccountToken:  new(false),
			EnableServiceLinks:            new(false),
			TerminationGracePeriodSeconds: new(int64(seconds(grace))),
			SecurityContext: &core.PodSecurityContext{
				RunAsNonRoot: new(true),
				RunAsUser:    new(int64(user)),
				RunAsGroup:   new(int64(user)),
				// The files of a Secret belong to root and to this group.
				FSGroup:        new(int64(user)),
				SeccompProfile: &core.SeccompProfile{Type: core.SeccompProfileTypeRuntimeDefault},
			},
			Containers: []core.Container{c},
		},
	}
	if b.TLSSecret != "" {
		pod.Spec.Volumes = []core.Volume{{Name: "tls", VolumeSource: core.VolumeSource{
			Secret: &core.SecretVolumeSource{SecretName: b.TLSSecret, DefaultMode: new(int32(0o440))},
		}}}
	}
	return pod
}

// seconds rounds up: a kubelet knows no smaller unit.
func seconds(d time.Duration) int32 { return int32(math.Ceil(d.Seconds())) }

const (
	// probeTimeout is what a busy node may add to an answer from memory.
	probeTimeout = 3
	// startMargin is added to START_TIMEOUT: the process is to end by itself, with
	// the reason in its log, before the kubelet ends it.
	startMargin = 10 * time.Second
	// livenessPeriod and livenessFailures together tolerate a node that stands
	// still for a while.
	livenessPeriod   = 5
	livenessFailures = 3
	// readinessFailures forgives one late answer. Dependencies that blink are
	// forgiven by the process itself.
	readinessFailures = 2
)

// addProbes adds the probes of a server.
func (b *builder) addProbes(c *core.Container) error {
	start, err := b.settings.Duration("START_TIMEOUT")
	if err != nil {
		return err
	}
	interval, err := b.settings.Duration("HEALTH_INTERVAL")
	if err != nil {
		return err
	}
	c.StartupProbe = &core.Probe{ProbeHandler: b.probe("liveness", "/livez"), PeriodSeconds: 1, TimeoutSeconds: probeTimeout,
		FailureThreshold: seconds(start + startMargin)}
	c.LivenessProbe = &core.Probe{ProbeHandler: b.probe("liveness", "/livez"), PeriodSeconds: livenessPeriod, TimeoutSeconds: probeTimeout,
		FailureThreshold: livenessFailures}
	c.ReadinessProbe = &core.Probe{ProbeHandler: b.probe("readiness", "/readyz"), PeriodSeconds: max(1, seconds(interval)), TimeoutSeconds: probeTimeout,
		FailureThreshold: readinessFailures}
	return nil
}

// probe asks where the answer says most: where requests are served.
func (b *builder) probe(service, path string) core.ProbeHandler {
	switch {
	case b.TLSSecret != "":
		return core.ProbeHandler{GRPC: &core.GRPCAction{Port: b.port(healthPort), Service: &service}}
	case b.Kind == workload.GRPC:
		return core.ProbeHandler{GRPC: &core.GRPCAction{Port: b.port(grpcPort), Service: &service}}
	case b.Kind == workload.REST:
		return core.ProbeHandler{HTTPGet: &core.HTTPGetAction{Path: path, Port: intstr.FromString(httpPort)}}
	}
	return core.ProbeHandler{HTTPGet: &core.HTTPGetAction{Path: path, Port: intstr.FromString(adminPort)}}
}
