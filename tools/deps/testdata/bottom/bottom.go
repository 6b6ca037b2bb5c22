// Package bottom is what top must not link.
package bottom

// Name is the chain's name.
const Name = "chain"
