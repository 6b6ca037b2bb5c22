// Package schema says which schema the stores need.
package schema

import (
	"github.com/soketsugo/soketsugo/libs/playbook/domain"
)

// Check returns nil when a database of that schema version is new enough. A newer
// one than the stores know is: what they use is taken away only after the last
// server that uses it is gone.
func Check(version int64) error {
	if version >= Required {
		return nil
	}
	return domain.Errorf(domain.Unavailable, "the database has schema version %d and this binary needs %d: run migrate", version, Required)
}
