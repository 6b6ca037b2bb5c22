package lint

// Rule is one thing that a migration must not do.
type Rule struct {
	Name string
	// Breaks is what happens if it does, and to whom.
	Breaks string
	// Instead is what to do instead.
	Instead string
	// Down says that the rule holds in the down part too. That is run by hand, and
	// has no next file that a change could be divided into; so there the rules hold
	// that are about what would fail or stay halfway, or that need no other file.
	Down bool
	// File says that the rule is about the file and not about a statement; a waiver
	// of it may stand anywhere.
	File bool
	// Always says that the rule cannot be waived.
	Always bool
}

// Rules are all rules, in the order of the documentation.
var Rules = []*Rule{
	ruleFormat, ruleSyntax, ruleWaiver, ruleNoDown, ruleHidden,
	ruleTransactionControl, ruleNeedsNoTransaction, ruleOneStatement, ruleNotRepeatable,
	ruleTimeoutChanged, ruleSettingStays, ruleLockTimeoutOff,
	ruleIndexBlocksWrites, ruleIndexDropBlocks, ruleReindexBlocks,
	ruleAddColumnRewrites, ruleAddColumnNotNull, ruleColumnTypeRewrites, ruleTableRewrites,
	ruleSetNotNullScans, ruleConstraintScans, ruleValidateUnderLock, ruleConstraintBuildsIndex,
	ruleDataWithDDL, ruleTruncate, ruleLockTable, ruleRefreshBlocks,
	ruleContractUnmarked, ruleContractExpands,
}

var (
	ruleFormat = &Rule{Name: "format", Down: true, Always: true,
		Breaks:  "migrate does not take the file, or understands a marker in another way than its reader",
		Instead: "Name it `NNNN_name.sql`; write markers as goose's manual does, at the beginning of the line; `INSERT` instead of `COPY … FROM STDIN`; a plain or quoted name for an index that is made `CONCURRENTLY`"}
	ruleSyntax = &Rule{Name: "syntax", Down: true, Always: true,
		Breaks:  "PostgreSQL does not take the statement, and the release stops half way",
		Instead: "Correct it; `-- +goose StatementBegin` and `StatementEnd` go around what has semicolons in it"}
	ruleWaiver = &Rule{Name: "waiver", Down: true, Always: true,
		Breaks:  "a waiver without a reason, for a rule that is not there, or that waives nothing hides the next mistake",
		Instead: "Give the reason, or remove the waiver"}
	ruleNoDown = &Rule{Name: "no-down", Down: true, File: true,
		Breaks:  "a release with this migration cannot be taken back",
		Instead: "Undo the up part below `-- +goose Down`"}
	ruleHidden = &Rule{Name: "hidden-statements", Down: true,
		Breaks:  "`DO` and `CALL` run statements that nobody checks",
		Instead: "Write the statements into the file"}
	ruleTransactionControl = &Rule{Name: "transaction-control", Down: true,
		Breaks:  "`BEGIN`, `COMMIT` and the like end the transaction in which migrate notes the version; a failure later leaves half of the file",
		Instead: "Leave them out; a file is one transaction"}
	ruleNeedsNoTransaction = &Rule{Name: "needs-no-transaction", Down: true,
		Breaks:  "PostgreSQL refuses `CONCURRENTLY` and `VACUUM` in a transaction, and the release stops",
		Instead: "`-- +goose NO TRANSACTION` and the statement alone in a file"}
	ruleOneStatement = &Rule{Name: "one-statement", Down: true,
		Breaks:  "a run that ends between two statements without a transaction leaves a schema on which the next run fails",
		Instead: "One statement to a `NO TRANSACTION` file"}
	ruleNotRepeatable = &Rule{Name: "not-repeatable", Down: true,
		Breaks:  "a run that ends after the statement and before its version is noted makes every later run fail",
		Instead: "`CREATE INDEX CONCURRENTLY IF NOT EXISTS`, `DROP INDEX CONCURRENTLY IF EXISTS`, `ADD VALUE IF NOT EXISTS`"}
	ruleTimeoutChanged = &Rule{Name: "timeout-changed", Down: true,
		Breaks:  "`SET lock_timeout` or `statement_timeout` stays for the files behind it, and takes away what keeps servers from waiting",
		Instead: "`-- soketsugo:lock-timeout 5s` or `-- soketsugo:statement-timeout 20m` for the file alone"}
	ruleSettingStays = &Rule{Name: "setting-stays", Down: true,
		Breaks:  "`SET search_path` and the like stay for the files behind it when one run applies them, and not when a later run does, so that databases come to differ",
		Instead: "`SET LOCAL`, which ends with the file; for `search_path` rather the schema before each name"}
	ruleLockTimeoutOff = &Rule{Name: "lock-timeout-off", Down: true, File: true,
		Breaks:  "`-- soketsugo:lock-timeout 0s`: everybody who uses the table waits behind a migration that waits without end",
		Instead: "A limit; a migration that does not get its lock is tried again"}
	ruleIndexBlocksWrites = &Rule{Name: "index-blocks-writes", Down: true,
		Breaks:  "`CREATE INDEX` keeps every writer of the table waiting until the index is built",
		Instead: "`CREATE INDEX CONCURRENTLY IF NOT EXISTS …`, alone in a `NO TRANSACTION` file"}
	ruleIndexDropBlocks = &Rule{Name: "index-drop-blocks", Down: true,
		Breaks:  "`DROP INDEX` keeps readers and writers of the table waiting",
		Instead: "`DROP INDEX CONCURRENTLY IF EXISTS …`, alone in a `NO TRANSACTION` file"}
	ruleReindexBlocks = &Rule{Name: "reindex-blocks-writes", Down: true,
		Breaks:  "`REINDEX` keeps every writer of the table waiting, and readers that would use the index",
		Instead: "`REINDEX INDEX CONCURRENTLY …`, alone in a `NO TRANSACTION` file"}
	ruleAddColumnRewrites = &Rule{Name: "add-column-rewrites",
		Breaks:  "a column with a volatile default, serial, identity, a stored generated value or a domain with constraints makes PostgreSQL write the whole table anew, while nobody can read it",
		Instead: "Add the column without it; `ALTER COLUMN … SET DEFAULT` for new rows; fill old rows in batches"}
	ruleAddColumnNotNull = &Rule{Name: "add-column-not-null",
		Breaks:  "fails on a table with rows, and servers that do not know the column can no longer insert",
		Instead: "A constant `DEFAULT`, or a nullable column that becomes NOT NULL in a later release"}
	ruleColumnTypeRewrites = &Rule{Name: "column-type-rewrites",
		Breaks:  "PostgreSQL writes the whole table and its indexes anew, while nobody can read it",
		Instead: "A new column, filled in batches, and the old one dropped in a contract step. Allowed: varchar wider or to text, numeric with more digits and the same scale, and the like"}
	ruleTableRewrites = &Rule{Name: "table-rewrites", Down: true,
		Breaks:  "`VACUUM FULL`, `CLUSTER`, `SET TABLESPACE`, `SET UNLOGGED`, `SET ACCESS METHOD`, `SET EXPRESSION` write the whole table anew, while nobody can read it",
		Instead: "`VACUUM`, or a new table that is filled in batches"}
	ruleSetNotNullScans = &Rule{Name: "set-not-null-scans",
		Breaks:  "`SET NOT NULL` reads the whole table, while nobody else can",
		Instead: "`CHECK (c IS NOT NULL) NOT VALID`, in the next file `VALIDATE CONSTRAINT`, then `SET NOT NULL` reads nothing"}
	ruleConstraintScans = &Rule{Name: "constraint-scans",
		Breaks:  "a CHECK or FOREIGN KEY reads the whole table, while nobody can write to it, or to the one that it refers to",
		Instead: "`ADD CONSTRAINT … NOT VALID`, and `VALIDATE CONSTRAINT` in the next file"}
	ruleValidateUnderLock = &Rule{Name: "validate-under-lock",
		Breaks:  "`VALIDATE CONSTRAINT` reads the whole table, while a lock that an earlier statement of the file took is still held",
		Instead: "`VALIDATE CONSTRAINT` alone in the next file"}
	ruleConstraintBuildsIndex = &Rule{Name: "constraint-builds-index",
		Breaks:  "UNIQUE, PRIMARY KEY and EXCLUDE build an index, while nobody can read the table",
		Instead: "`CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i …` in one file, `ADD CONSTRAINT … UNIQUE USING INDEX i` in the next"}
	ruleDataWithDDL = &Rule{Name: "data-with-ddl", Down: true,
		Breaks:  "rows are changed while the lock of an ALTER is held, or the ALTER waits while all those rows are locked",
		Instead: "The change of rows in a file of its own, in batches that end with LIMIT. Allowed: `INSERT … VALUES`, a WHERE with a unique column, a table of the same file"}
	ruleTruncate = &Rule{Name: "truncate",
		Breaks:  "`TRUNCATE` keeps readers and writers waiting and removes rows that servers use",
		Instead: "`DELETE` in batches, or DROP TABLE in a contract step"}
	ruleLockTable = &Rule{Name: "lock-table", Down: true,
		Breaks:  "`LOCK TABLE` keeps others waiting until the end of the file",
		Instead: "Leave it out; each statement takes the weakest lock that it needs"}
	ruleRefreshBlocks = &Rule{Name: "refresh-blocks-reads", Down: true,
		Breaks:  "`REFRESH MATERIALIZED VIEW` keeps every reader waiting until the query is done",
		Instead: "`REFRESH MATERIALIZED VIEW CONCURRENTLY …`, which needs a unique index on the view"}
	ruleContractUnmarked = &Rule{Name: "contract-unmarked",
		Breaks:  "servers of the release before, which run meanwhile, fail on what was dropped, renamed or moved",
		Instead: "Take it away one release after the last that uses it, in a file with `-- soketsugo:contract NNNN`"}
	ruleContractExpands = &Rule{Name: "contract-expands",
		Breaks:  "servers do not wait for a contract step, so those that use the table or column that it adds fail until it ran",
		Instead: "Add it in a file without the marker"}
)
