package experiment

import "github.com/soketsugo/soketsugo/tools/independence/mutation"

// Changes returns a change per layer of the playbook service, with what it may
// change.
func Changes() []Change {
	const grpc, rest, migrate = "playbook/grpc", "playbook/rest", "playbook/migrate"
	return []Change{
		{
			Name:    "a string in services/playbook/rest/handler",
			Mutate:  mutation.String("services/playbook/rest/handler"),
			Changes: []string{rest},
			Because: "an adapter belongs to one process",
		},
		{
			Name:    "a string in services/playbook/grpc/handler",
			Mutate:  mutation.String("services/playbook/grpc/handler"),
			Changes: []string{grpc},
			Because: "an adapter belongs to one process",
		},
		{
			Name:    "a string in libs/playbook/usecase",
			Mutate:  mutation.String("libs/playbook/usecase"),
			Changes: []string{grpc, rest},
			Because: "the servers share the use cases, and migrate has none",
		},
		{
			Name:    "a string in libs/playbook/domain",
			Mutate:  mutation.String("libs/playbook/domain"),
			Changes: []string{grpc, rest},
			Because: "the servers share the domain, and migrate does not know it",
		},
		{
			Name:    "a comment in migrations/playbook/postgres/*.sql",
			Mutate:  mutation.Line("migrations/playbook/postgres/*.sql", "-- mutated"),
			Changes: []string{migrate},
			Because: "only migrate holds the SQL of migrations",
		},
		{
			Name:    "a comment in libs/playbook/usecase/*.go",
			Mutate:  mutation.Comment("libs/playbook/usecase"),
			Tests:   []string{grpc, rest, migrate},
			Because: "a comment that moves no line is not compiled",
		},
		{
			Name:    "a comment in libs/playbook/usecase/*_test.go",
			Mutate:  mutation.Line("libs/playbook/usecase/*_test.go", "// mutated"),
			Tests:   []string{grpc, rest},
			Because: "tests are no part of an image",
		},
		{
			Name:      "replicas of grpc in k8s/environments/staging.yaml",
			Mutate:    mutation.Line("k8s/environments/staging.yaml", "  playbook/grpc: {replicas: {min: 3}}"),
			Manifests: map[string]string{grpc: "staging"},
			Because:   "an environment is set for one process, in one place",
		},
		{
			Name:    "a line in README.md",
			Mutate:  mutation.Line("README.md", "mutated"),
			Because: "documents are no part of an image",
		},
	}
}
