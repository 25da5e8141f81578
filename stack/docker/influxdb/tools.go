//go:build tools

// Package influxd pins the InfluxDB server that the image builds.
package influxd

import _ "github.com/influxdata/influxdb/v2/cmd/influxd"
