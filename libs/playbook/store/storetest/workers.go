package storetest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
)

// TaskModel does whatever can be done to the tasks of three enrolments, in random
// order, and compares what comes of it with a model of a few rules. It takes
// seconds.
func TaskModel(t *testing.T, store Store) {
	const seed, operations = 7, 3000
	random := rand.New(rand.NewPCG(seed, seed))
	steps := []domain.Step{
		{Kind: domain.StepWait, Title: "w"}, {Kind: domain.StepEmail, Title: "e"}, {Kind: domain.StepWait, Title: "w"},
		{Kind: domain.StepCall, Title: "c"}, {Kind: domain.StepTask, Title: "t"}, {Kind: domain.StepWait, Title: "w"},
	}
	playbook, err := domain.NewPlaybook(id(1), domain.Draft{Name: "n", Steps: steps}, epoch)
	if err != nil {
		t.Fatal(err)
	}
	if playbook, err = playbook.Activate(epoch); err != nil {
		t.Fatal(err)
	}
	create(t, store, playbook)
	m := &model{t: t, store: store, random: random, playbook: playbook, lives: map[string]*life{}}
	for range 3 {
		m.enrol()
	}
	done := map[string]int{}
	for range operations {
		name := m.step()
		done[name]++
		if t.Failed() {
			t.Fatalf("after %v", done)
		}
	}
	t.Logf("%d operations: %v", operations, done)
}

// model knows what the tasks must be like.
type model struct {
	t        *testing.T
	store    Store
	random   *rand.Rand
	playbook domain.Playbook
	// lives are those of enrolments that have not ended, by their IDs.
	lives map[string]*life
	// numbers makes IDs and tokens.
	numbers int
}

// life is an enrolment and its task.
type life struct {
	enrolment domain.Enrolment
	task      string
	state     domain.TaskState
	token     string
	attempts  int
	// away says that it cannot be claimed for now: it is held, or rests.
	away bool
	// tokens are all that it ever had.
	tokens []string
}

func (m *model) number() int {
	m.numbers++
	return 1000 + m.numbers
}

func (m *model) enrol() {
	m.t.Helper()
	enrolment, err := domain.Enrol(id(m.number()), m.playbook, id(m.numbers), epoch)
	if err != nil {
		m.t.Fatal(err)
	}
	first := domain.FirstTask(taskID(enrolment.ID), enrolment, m.playbook.Steps)
	if err := m.store.CreateEnrolment(m.t.Context(), workspace, enrolment, first); err != nil {
		m.t.Fatalf("CreateEnrolment: %v", err)
	}
	m.lives[enrolment.ID] = &life{enrolment: enrolment, task: first.ID, state: domain.TaskPending}
}

// claimable returns the enrolments whose tasks can be claimed.
func (m *model) claimable() []string {
	var found []string
	for _, enrolment := range slices.Sorted(maps.Keys(m.lives)) {
		l := m.lives[enrolment]
		if l.enrolment.State == domain.EnrolmentActive && !l.away && (l.state == domain.TaskPending || l.state == domain.TaskLeased) {
			found = append(found, enrolment)
		}
	}
	return found
}

// step does something to one of the enrolments, and returns what.
func (m *model) step() string {
	m.t.Helper()
	l := m.lives[slices.Sorted(maps.Keys(m.lives))[m.random.IntN(len(m.lives))]]
	switch choice := m.random.IntN(12); {
	case choice < 4:
		return m.claim()
	case choice < 9:
		return m.hold(l)
	default:
		return m.move(l)
	}
}

func (m *model) claim() string {
	m.t.Helper()
	want := m.claimable()
	limit, lease := domain.MaxClaim, []time.Duration{hour, over}[m.random.IntN(2)]
	if m.random.IntN(2) == 0 {
		limit = 1
	}
	token := token(m.number())
	var got []string
	for _, task := range claim(m.t, m.store, limit, token, lease) {
		got = append(got, task.EnrolmentID)
		if l := m.lives[task.EnrolmentID]; l != nil {
			l.state, l.token, l.away = domain.TaskLeased, token, lease > 0
			l.tokens = append(l.tokens, token)
			l.attempts++
			m.compare(l, task)
		}
	}
	slices.Sort(got)
	if limit > 1 {
		wantEqual(m.t, "what was claimed", got, want)
	} else if len(got) != min(1, len(want)) || len(got) > 0 && !slices.Contains(want, got[0]) {
		m.t.Errorf("what was claimed is %v, want one of %v", got, want)
	}
	return "claim"
}

// hold does what holders do, with a token that may be an old one.
func (m *model) hold(l *life) string {
	m.t.Helper()
	lease := usecase.Lease{TaskID: l.task, Token: l.token}
	if count := len(l.tokens); l.token == "" || m.random.IntN(4) == 0 {
		lease.Token = append(slices.Clone(l.tokens), token(m.number()))[m.random.IntN(count+1)]
	}
	holds := l.state == domain.TaskLeased && l.away && lease.Token == l.token && l.enrolment.State == domain.EnrolmentActive
	ctx, name := m.t.Context(), ""
	var task domain.Task
	var err error
	next := *l
	after := []time.Duration{0, hour}[m.random.IntN(2)]
	var following *usecase.NextTask
	switch m.random.IntN(4) {
	case 0:
		name = "renew"
		length := []time.Duration{hour, over}[m.random.IntN(2)]
		task, err = m.store.RenewTask(ctx, workspace, lease, length)
		next.away = length > 0
	case 1:
		name = "complete"
		if work, found := domain.NextWork(m.playbook.Steps, l.enrolment.CurrentStep+1); found {
			following = &usecase.NextTask{ID: id(m.number()), Work: work}
		}
		task, err = m.store.CompleteTask(ctx, workspace, lease, "o", following)
		next.state, next.away = domain.TaskDone, false
		if following == nil {
			next.enrolment.State = domain.EnrolmentCompleted
		} else {
			next.enrolment.CurrentStep = following.Step
		}
	case 2:
		name = "fail"
		task, err = m.store.FailTask(ctx, workspace, lease, "o", after, true)
		next.state, next.away = domain.TaskPending, after > 0
	default:
		name = "fail for good"
		task, err = m.store.FailTask(ctx, workspace, lease, "o", 0, false)
		next.state, next.away, next.enrolment.State = domain.TaskFailed, false, domain.EnrolmentPaused
	}
	if !holds {
		wantKind(m.t, name+" under no lease", err, domain.FailedPrecondition)
		return name + " refused"
	}
	if err != nil {
		m.t.Errorf("%s: %v", name, err)
		return name
	}
	*l = next
	m.compare(l, task)
	m.check(l)
	switch {
	case l.enrolment.State == domain.EnrolmentCompleted:
		m.replace(l)
	case following != nil:
		l.task, l.state, l.token, l.attempts, l.away = following.ID, domain.TaskPending, "", 0, false
		m.check(l)
	}
	return name
}

// move changes the state of an enrolment that has not ended.
func (m *model) move(l *life) string {
	m.t.Helper()
	moves := []func(domain.Enrolment) (domain.Enrolment, error){domain.Enrolment.Pause, domain.Enrolment.Resume, domain.Enrolment.Resume, domain.Enrolment.Cancel}
	moved, err := moves[m.random.IntN(len(moves))](l.enrolment)
	if err != nil {
		m.t.Fatal(err)
	}
	if moved.State == l.enrolment.State {
		return "nothing"
	}
	if err := m.store.UpdateEnrolment(m.t.Context(), workspace, moved, l.enrolment); err != nil {
		m.t.Errorf("UpdateEnrolment: %v", err)
	}
	l.enrolment = moved
	switch {
	case moved.State == domain.EnrolmentCancelled:
		l.state = domain.TaskCancelled
		m.check(l)
		m.replace(l)
	case moved.State == domain.EnrolmentActive && l.state == domain.TaskFailed:
		l.state, l.attempts, l.away = domain.TaskPending, 0, false
		m.check(l)
	default:
		m.check(l)
	}
	return string(moved.State)
}

// replace begins another life where one has ended.
func (m *model) replace(l *life) {
	m.t.Helper()
	delete(m.lives, l.enrolment.ID)
	m.enrol()
}

// compare compares a task with the model.
func (m *model) compare(l *life, task domain.Task) {
	m.t.Helper()
	if task.ID != l.task || task.State != l.state || task.LeaseToken != l.token || task.Attempts != l.attempts {
		m.t.Errorf("the task is %+v, want %+v", task, l)
	}
}

// check compares what is stored with the model.
func (m *model) check(l *life) {
	m.t.Helper()
	task := readTask(m.t, m.store, l.task)
	m.compare(l, task)
	got, err := m.store.Enrolment(m.t.Context(), workspace, l.enrolment.ID)
	if err != nil {
		m.t.Fatalf("Enrolment: %v", err)
	}
	if got.State != l.enrolment.State || got.CurrentStep != l.enrolment.CurrentStep {
		m.t.Errorf("the enrolment is %s at step %d, want %+v", got.State, got.CurrentStep, l.enrolment)
	}
	if task.Step == got.CurrentStep && !task.DueAt.Equal(got.DueAt) {
		m.t.Errorf("the task is due at %s, its enrolment at %s", task.DueAt, got.DueAt)
	}
	// The store says when what is next is due.
	l.enrolment.DueAt = got.DueAt
}

// ManyTasks is how many tasks it takes to keep workers busy for a while.
const ManyTasks = 10_000

// Workers lets workers claim and complete so many due tasks, while some of them die
// with tasks in their hands, and others come back when their leases have run out.
// It takes a while.
func Workers(t *testing.T, store Store, count int) {
	const (
		workers = 32
		batch   = 25
		lease   = 4 * time.Second
	)
	// Of so many claims one is the last that a worker makes: enough of them are where
	// there are few.
	deaths := max(3, 12*count/ManyTasks)
	playbook := createActive(t, store, 1)
	enrolments := make([]domain.Enrolment, count)
	for n := range enrolments {
		enrolments[n] = newEnrolment(t, 1000+n, playbook, id(n))
		enrolments[n].DueAt = epoch
	}
	for chunk := range slices.Chunk(enrolments, 500) {
		if _, err := store.CreateEnrolments(t.Context(), workspace, chunk, firstTasks(chunk)); err != nil {
			t.Fatalf("CreateEnrolments: %v", err)
		}
	}

	var group sync.WaitGroup
	var mu sync.Mutex
	completed := map[string]int{}
	var tokens, claims, claimed, again, died, refused, busy atomic.Int64
	left := func() int {
		mu.Lock()
		defer mu.Unlock()
		return count - len(completed)
	}
	begin := time.Now()
	// work is the life of a worker; it returns false when it dies.
	work := func(n int, random *rand.Rand) bool {
		for left() > 0 && !t.Failed() {
			token := token(int(tokens.Add(1)))
			asked := time.Now()
			tasks, err := store.ClaimTasks(t.Context(), workspace, domain.Claim{Holder: fmt.Sprint(n), Limit: batch, Token: token, Lease: lease})
			if domain.KindOf(err) == domain.Unavailable {
				// SQLite has one writer at a time and lets none of the others wait for long.
				busy.Add(1)
				continue
			}
			if err != nil {
				t.Errorf("ClaimTasks: %v", err)
				return true
			}
			claims.Add(1)
			claimed.Add(int64(len(tasks)))
			survives := len(tasks)
			if len(tasks) > 0 && random.IntN(deaths) == 0 {
				survives = random.IntN(len(tasks))
			}
			for i, task := range tasks {
				if task.Attempts > 1 {
					again.Add(1)
				}
				if i == survives {
					died.Add(1)
					if random.IntN(2) == 0 {
						return false
					}
					// It was merely away for too long, and goes on as if nothing had been.
					time.Sleep(lease + time.Second)
				}
				_, err := store.CompleteTask(t.Context(), workspace, usecase.Lease{TaskID: task.ID, Token: token}, "o", nil)
				switch held := time.Since(asked) < lease; {
				case err == nil:
					mu.Lock()
					completed[task.ID]++
					mu.Unlock()
				case domain.KindOf(err) == domain.Unavailable:
					// Somebody will claim it again.
					busy.Add(1)
				case held || domain.KindOf(err) != domain.FailedPrecondition:
					t.Errorf("CompleteTask %s after the claim: %v", time.Since(asked), err)
				default:
					refused.Add(1)
				}
			}
			if len(tasks) == 0 {
				time.Sleep(50 * time.Millisecond)
			}
		}
		return true
	}
	for n := range workers {
		group.Go(func() {
			random := rand.New(rand.NewPCG(uint64(n), 1))
			// Another one takes the place of one that died.
			for !work(n, random) {
			}
		})
	}
	group.Wait()
	took := time.Since(begin)
	for task, times := range completed {
		if times != 1 {
			t.Errorf("task %s was completed %d times", task, times)
		}
	}
	wantClaim(t, store, "what is left", token(1), hour)
	for n := 0; n < count; n += 97 {
		if got := readTask(t, store, taskID(enrolments[n].ID)); got.State != domain.TaskDone {
			t.Errorf("task %s is %s", got.ID, got.State)
		}
	}
	t.Logf("%d workers completed %d of %d tasks once each in %s, %.0f a second: %d claims gave %d tasks; %d times a worker died or was away too long, "+
		"%d tasks were claimed again after that, %d late completions were refused; %d times the database was busy",
		workers, len(completed), count, took.Round(time.Millisecond), float64(len(completed))/took.Seconds(),
		claims.Load(), claimed.Load(), died.Load(), again.Load(), refused.Load(), busy.Load())
	if died.Load() == 0 || again.Load() == 0 || refused.Load() == 0 {
		t.Error("nobody died, or nothing came of it: the test proves less than it should")
	}
}
