package config

// LoadFrom is Load with its surroundings given.
var LoadFrom = load

// LoadCommandWith does what LoadCommand does, with everything given.
var LoadCommandWith = loadCommand
