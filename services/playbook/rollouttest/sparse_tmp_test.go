package rollouttest

import ("testing";"time";"net/http";"math/rand/v2";"strings";"github.com/soketsugo/soketsugo/libs/testing/rollout")

func TestTmpSparse(t *testing.T) {
	for name, path := range map[string]string{"A":"/tmp/bins/rest","B":"/tmp/binsB/rest"} {
	t.Run(name, func(t *testing.T){
	t.Parallel()
	databaseURL := database(t)
	p := proxy(t)
	d := deploy(t, p, "rest", "http", path, databaseURL, map[string]string{"DRAIN_DELAY": drainDelay.String(), "SHUTDOWN_TIMEOUT":"1s"})
	id := create(t, p.Addr())
	read := rollout.Request{Method: http.MethodGet, Path: "/v1/playbooks/" + id, Want: http.StatusOK}
	var loads []*rollout.Load
	for range 250 {
		time.Sleep(time.Duration(rand.IntN(16))*time.Millisecond)
		loads = append(loads, rollout.Start("sparse", 2*time.Second, rollout.NeverRetries(p.Addr(), read)))
	}
	stops, err := replace(t.Context(), d, 60)
	if err != nil { t.Error(err) }
	sent, failed := 0, 0
	kinds := map[string]int{}
	for _, r := range stop(loads) { sent += r.Sent; failed += r.Failed; for _, e := range r.Errors { kinds[e[len(e)-20:]]++; _ = strings.Cut } }
	codes := map[int]int{}
	for _, s := range stops { codes[s.Code]++ }
	t.Log(sent, failed, kinds, codes)
	})}
}
