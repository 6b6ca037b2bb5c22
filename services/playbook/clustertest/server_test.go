package clustertest_test

import (
	"fmt"
	"maps"
	"os/exec"
)

// A server is what must stay the same where nothing changed.
type server struct {
	generation string
	pods       map[string]bool
}

// servers returns both.
func (p *place) servers() map[string]server {
	p.t.Helper()
	all := map[string]server{}
	for _, process := range []string{"grpc", "rest"} {
		all[process] = server{p.generation(process), p.uids(process)}
	}
	return all
}

// same makes sure that a server is what it was.
func (p *place) same(process string, before map[string]server) {
	p.t.Helper()
	after := p.servers()[process]
	if was := before[process]; was.generation != after.generation || !maps.Equal(was.pods, after.pods) {
		p.t.Errorf("%s was %v, and is %v", process, was, after)
	}
}

// pod returns a pod as it is now.
func (p *place) pod(process string, of pod) pod {
	p.t.Helper()
	for _, pod := range p.pods(process) {
		if pod.Metadata.UID == of.Metadata.UID {
			return pod
		}
	}
	p.t.Fatalf("pod %s is gone", of.Metadata.Name)
	return pod{}
}

// freezer is a pod that stops the processes of another.
const freezer = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"freezer"},"spec":{"hostPID":true,"restartPolicy":"Never",
"nodeName":%q,"containers":[{"name":"freezer","image":%q,"args":[%q,%q],"imagePullPolicy":"IfNotPresent",
"securityContext":{"runAsUser":65532,"runAsGroup":65532}}]}}`

// freeze makes the process of a pod hang.
func (p *place) freeze(victim pod, name string) {
	p.t.Helper()
	i := imageOf(p.t, runfile(p.t, "FREEZE"))
	p.push("freeze", i)
	manifest := fmt.Sprintf(freezer, victim.Spec.NodeName, p.registry+"/freeze@"+i.digest, victim.Metadata.UID, name)
	file := p.write("freezer.json", manifest)
	p.kube("create", "--filename="+file)
	p.until("the process is stopped", func() bool {
		return p.kube("get", "pod", "freezer", "--output=jsonpath={.status.phase}") == "Succeeded"
	})
}

// push brings an image to where the cluster finds it.
func (p *place) push(name string, i image) {
	p.t.Helper()
	if p.load != "" {
		p.bring(name, i)
		return
	}
	command := exec.CommandContext(p.t.Context(), p.deploy, "push", "--process="+name+"=,"+i.layout, "--repository="+p.registry)
	if output, err := command.CombinedOutput(); err != nil {
		p.t.Fatalf("pushing %s: %v\n%s", name, err, output)
	}
}
