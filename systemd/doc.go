// Package systemd is how the agent lives on a host: the units that it runs under,
// their installation where there is no package (through kardianos/service), what
// systemd says about the service, and what the agent says to systemd: when it is
// ready and what it does (sd_notify(3)).
package systemd
