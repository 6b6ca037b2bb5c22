package postgres

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/soketsugo/soketsugo/libs/pgsql"
	"github.com/soketsugo/soketsugo/libs/playbook/domain"
)

const (
	// noticeChannel is where servers tell each other, with the name of a workspace,
	// that tasks appeared in it.
	noticeChannel = "playbook_tasks"
	// firstRelisten and lastRelisten are how long after it was lost the connection
	// is opened again.
	firstRelisten = 100 * time.Millisecond
	lastRelisten  = 10 * time.Second
)

// notices hands what PostgreSQL notifies on to those who watch. There is one
// connection for all of them, beside the pool, and none while nobody watches.
// Where it is lost, or leads to a pooler that knows no LISTEN, watchers only notice
// later: they look by themselves too.
type notices struct {
	connector *pgsql.Connector

	mu       sync.Mutex
	watchers map[*watcher]struct{}
	// silence ends the connection. It is nil while there is none.
	silence context.CancelFunc
}

type watcher struct {
	workspace domain.Workspace
	// told holds one value: what happened twice is noticed once.
	told chan struct{}
}

func newNotices(connector *pgsql.Connector) *notices {
	return &notices{connector: connector, watchers: map[*watcher]struct{}{}}
}

// watch returns a channel that receives when tasks appear in a workspace, until
// ctx ends.
func (n *notices) watch(ctx context.Context, workspace domain.Workspace) <-chan struct{} {
	w := &watcher{workspace: workspace, told: make(chan struct{}, 1)}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.watchers[w] = struct{}{}
	if n.silence == nil {
		// The connection outlives this watcher where there are others.
		listening, silence := context.WithCancel(context.WithoutCancel(ctx))
		n.silence = silence
		go n.listen(listening)
	}
	context.AfterFunc(ctx, func() { n.leave(w) })
	return w.told
}

func (n *notices) leave(w *watcher) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.watchers, w)
	if len(n.watchers) == 0 {
		n.hush()
	}
}

// close ends the connection, whoever watches.
func (n *notices) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hush()
}

func (n *notices) hush() {
	if n.silence != nil {
		n.silence()
		n.silence = nil
	}
}

// listen keeps a connection open until ctx ends.
func (n *notices) listen(ctx context.Context) {
	wait := firstRelisten
	for {
		// Its error is that the database is away, which every other call reports.
		_ = n.connector.Listen(ctx, noticeChannel, func() {
			wait = firstRelisten
			// Who knows what was missed until now.
			n.tell(func(domain.Workspace) bool { return true })
		}, func(payload string) {
			n.tell(func(workspace domain.Workspace) bool { return string(workspace) == payload })
		})
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait/2 + rand.N(wait/2)):
		}
		wait = min(2*wait, lastRelisten)
	}
}

// tell wakes those who watch a workspace that is concerned.
func (n *notices) tell(concerned func(domain.Workspace) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for w := range n.watchers {
		if !concerned(w.workspace) {
			continue
		}
		select {
		case w.told <- struct{}{}:
		default:
		}
	}
}
