//go:build sqlite

package open

import "github.com/soketsugo/soketsugo/libs/playbook/store/sqlite"

func openSQLite(path string) (Store, error) { return sqlite.Open(path) }
