// Package top stands at the top of an import chain that a layering test refuses.
package top

import "github.com/soketsugo/soketsugo/tools/deps/testdata/middle"

// Name is the chain's name.
const Name = middle.Name
