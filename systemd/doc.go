// Package systemd is how the agent lives on a host: it tells systemd when it is
// ready and what it does (sd_notify(3)), and starts, stops, enables and disables
// the installed service.
package systemd
