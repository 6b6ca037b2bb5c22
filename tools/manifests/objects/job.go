package objects

import (
	"fmt"
	"time"

	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/soketsugo/soketsugo/libs/migration"
	"github.com/soketsugo/soketsugo/libs/runtime/lifecycle"
)

const (
	// retries is how often a run that another may mend is repeated; the wait before
	// each doubles, from 10 s.
	retries = 5
	// keep is how long a Job that has ended can be looked at, in seconds: a week.
	keep = 7 * 24 * 60 * 60
)

func (b *builder) job() (Object, error) {
	patience, err := b.patience()
	if err != nil {
		return nil, err
	}
	if b.Timeout() < patience {
		return nil, fmt.Errorf("deadline = %q is less than the %s that one run may wait for the database and its locks", b.Deadline, patience)
	}
	// A run that is asked to end stops in the middle, which is safe at any moment;
	// only what has to close takes time.
	pod := b.pod(b.container(), lifecycle.Config{}.GracePeriod())
	pod.Spec.RestartPolicy = core.RestartPolicyNever
	job := &batch.Job{
		TypeMeta:   metav1.TypeMeta{APIVersion: "batch/v1", Kind: "Job"},
		ObjectMeta: b.meta(""),
		Spec: batch.JobSpec{
			Completions:             new(int32(1)),
			Parallelism:             new(int32(1)),
			BackoffLimit:            new(int32(retries)),
			ActiveDeadlineSeconds:   new(int64(seconds(b.Timeout()))),
			TTLSecondsAfterFinished: new(int32(keep)),
			PodReplacementPolicy:    new(batch.Failed),
			PodFailurePolicy:        b.failurePolicy(),
			Template:                pod,
		},
	}
	job.Annotations = b.schema(SchemaBrings)
	return job, nil
}

// patience is how long one run may wait for others.
func (b *builder) patience() (time.Duration, error) {
	database, err := b.settings.Duration("DATABASE_WAIT")
	if err != nil {
		return 0, err
	}
	lock, err := b.settings.Duration("LOCK_WAIT")
	if err != nil {
		return 0, err
	}
	return database + lock, nil
}

// failurePolicy ends the Job at once after an exit code that says that running
// again cannot help.
func (b *builder) failurePolicy() *batch.PodFailurePolicy {
	var final, again []int32
	for _, exit := range migration.Exits() {
		switch {
		case exit.Code == migration.ExitOK:
		case exit.Retry:
			again = append(again, int32(exit.Code))
		default:
			final = append(final, int32(exit.Code))
		}
	}
	rule := func(action batch.PodFailurePolicyAction, codes []int32) batch.PodFailurePolicyRule {
		return batch.PodFailurePolicyRule{Action: action, OnExitCodes: &batch.PodFailurePolicyOnExitCodesRequirement{
			ContainerName: &b.Process, Operator: batch.PodFailurePolicyOnExitCodesOpIn, Values: codes,
		}}
	}
	return &batch.PodFailurePolicy{Rules: []batch.PodFailurePolicyRule{
		// A pod that its node had to give up has not failed.
		{Action: batch.PodFailurePolicyActionIgnore, OnPodConditions: []batch.PodFailurePolicyOnPodConditionsPattern{
			{Type: core.DisruptionTarget, Status: core.ConditionTrue},
		}},
		rule(batch.PodFailurePolicyActionFailJob, final),
		rule(batch.PodFailurePolicyActionCount, again),
	}}
}
