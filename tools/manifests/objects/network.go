package objects

import (
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	gateway "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/soketsugo/soketsugo/tools/manifests/workload"
)

// ClientLabel is the label of the namespaces from which a process that is not
// public can be called; its value is "true".
func ClientLabel(w workload.Workload) string { return w.Name() + ".soketsugo.dev/client" }

// networkPolicy lets nothing through but what it names. The kubelet's probes come
// from the node and always get through.
func (b *builder) networkPolicy() Object {
	network := b.Environment.Network
	p := &networking.NetworkPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"},
		ObjectMeta: b.meta(""),
		Spec: networking.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: b.selector()},
			PolicyTypes: []networking.PolicyType{networking.PolicyTypeIngress, networking.PolicyTypeEgress},
			Egress:      []networking.NetworkPolicyEgressRule{dns()},
		},
	}
	if database := network.Database; len(database.To) > 0 {
		p.Spec.Egress = append(p.Spec.Egress, networking.NetworkPolicyEgressRule{Ports: tcp(database.Port), To: database.To})
	}
	if b.IsJob() {
		return p
	}
	if telemetry := network.Telemetry; telemetry != nil {
		p.Spec.Egress = append(p.Spec.Egress, networking.NetworkPolicyEgressRule{Ports: tcp(telemetry.Port), To: telemetry.To})
	}
	let := func(port int32, from []networking.NetworkPolicyPeer) {
		// A rule without peers would let everybody in.
		if port != 0 && len(from) > 0 {
			p.Spec.Ingress = append(p.Spec.Ingress, networking.NetworkPolicyIngressRule{Ports: tcp(port), From: from})
		}
	}
	if b.Public {
		let(b.port(httpPort), network.Ingress)
	}
	clients := []networking.NetworkPolicyPeer{{
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{ClientLabel(b.Workload): "true"}},
	}}
	let(b.port(grpcPort), clients)
	let(b.port(httpPort), clients)
	let(b.port(adminPort), network.Metrics)
	return p
}

func tcp(port int32) []networking.NetworkPolicyPort {
	return []networking.NetworkPolicyPort{{Protocol: new(core.ProtocolTCP), Port: new(intstr.FromInt32(port))}}
}

// dns is the cluster's own.
func dns() networking.NetworkPolicyEgressRule {
	return networking.NetworkPolicyEgressRule{
		Ports: []networking.NetworkPolicyPort{
			{Protocol: new(core.ProtocolUDP), Port: new(intstr.FromInt32(53))},
			{Protocol: new(core.ProtocolTCP), Port: new(intstr.FromInt32(53))},
		},
		To: []networking.NetworkPolicyPeer{{
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{core.LabelMetadataName: metav1.NamespaceSystem}},
			PodSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{"k8s-app": "kube-dns"}},
		}},
	}
}

// route returns the way in for a public process.
func (b *builder) route() Object {
	if b.Environment.Route.Gateway != nil {
		return b.httpRoute()
	}
	ingress := b.Environment.Route.Ingress
	rules := make([]networking.IngressRule, 0, len(b.Hosts))
	for _, host := range b.Hosts {
		rules = append(rules, networking.IngressRule{Host: host, IngressRuleValue: networking.IngressRuleValue{HTTP: &networking.HTTPIngressRuleValue{
			Paths: []networking.HTTPIngressPath{{
				Path: "/", PathType: new(networking.PathTypePrefix),
				Backend: networking.IngressBackend{Service: &networking.IngressServiceBackend{
					Name: b.Name(), Port: networking.ServiceBackendPort{Name: httpPort},
				}},
			}},
		}}})
	}
	return &networking.Ingress{
		TypeMeta:   metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "Ingress"},
		ObjectMeta: b.meta(""),
		Spec: networking.IngressSpec{
			IngressClassName: &ingress.Class,
			TLS:              []networking.IngressTLS{{Hosts: b.Hosts, SecretName: ingress.TLSSecret}},
			Rules:            rules,
		},
	}
}

func (b *builder) httpRoute() Object {
	to := b.Environment.Route.Gateway
	parent := gateway.ParentReference{Name: gateway.ObjectName(to.Name), Namespace: new(gateway.Namespace(to.Namespace))}
	if to.Section != "" {
		parent.SectionName = new(gateway.SectionName(to.Section))
	}
	hosts := make([]gateway.Hostname, 0, len(b.Hosts))
	for _, host := range b.Hosts {
		hosts = append(hosts, gateway.Hostname(host))
	}
	return &gateway.HTTPRoute{
		TypeMeta:   metav1.TypeMeta{APIVersion: "gateway.networking.k8s.io/v1", Kind: "HTTPRoute"},
		ObjectMeta: b.meta(""),
		Spec: gateway.HTTPRouteSpec{
			CommonRouteSpec: gateway.CommonRouteSpec{ParentRefs: []gateway.ParentReference{parent}},
			Hostnames:       hosts,
			Rules: []gateway.HTTPRouteRule{{BackendRefs: []gateway.HTTPBackendRef{{BackendRef: gateway.BackendRef{
				BackendObjectReference: gateway.BackendObjectReference{Name: gateway.ObjectName(b.Name()), Port: new(gateway.PortNumber(servicePort))},
			}}}}},
		},
	}
}
