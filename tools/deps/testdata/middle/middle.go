// Package middle brings in what top does not import itself.
package middle

import "github.com/soketsugo/soketsugo/tools/deps/testdata/bottom"

// Name is the chain's name.
const Name = bottom.Name
