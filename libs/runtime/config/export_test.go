package config

// LoadFrom is Load with its surroundings given.
var LoadFrom = load
