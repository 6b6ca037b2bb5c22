package handler

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
)

// entityTag is a playbook's revision as an ETag.
func entityTag(revision int64) string { return `"` + strconv.FormatInt(revision, 10) + `"` }

// expectedRevision reads If-Match: the entity tag that a playbook must have for a
// request to be done, or 0 when it may have any.
func expectedRevision(r *http.Request) (int64, error) {
	tag := strings.TrimSpace(r.Header.Get("If-Match"))
	if tag == "" || tag == "*" {
		return 0, nil
	}
	revision, err := strconv.ParseInt(strings.Trim(tag, `"`), 10, 64)
	if err != nil || entityTag(revision) != tag || revision < 1 {
		return 0, domain.InvalidField("If-Match", `must be the ETag of an earlier answer, such as "3"`)
	}
	return revision, nil
}

// hasSeen says whether a caller has this revision already, by its If-None-Match.
func hasSeen(r *http.Request, revision int64) bool {
	for tag := range strings.SplitSeq(r.Header.Get("If-None-Match"), ",") {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
		if tag == "*" || tag == entityTag(revision) {
			return true
		}
	}
	return false
}
