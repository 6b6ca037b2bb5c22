package postgres

import "time"

// PoolConfig shows what a URL makes of the pool.
var PoolConfig = poolConfig

// SetPatience changes how long a statement may take.
func SetPatience(store *Store, patience time.Duration) { store.patience = patience }
