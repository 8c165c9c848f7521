package etcd

import (
	"strconv"
	"strings"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"muster/bootstrap"
)

// alarmsIn finds the alarms among what a member complains of (etcd v3.7.3
// server/etcdserver/api/v3rpc/maintenance.go, Status): each is an AlarmMember as text,
// "memberID:123 alarm:NOSPACE". Between fields protobuf puts one space or two, and
// leaves out an ID of zero: that alarm is our own fence. To ask for them with their
// types would be an entry in everybody's log each time.
//
// of is the member, hex, for which the graver one was raised, the lowest of several, so
// that all boards name the same; "" none.
func alarmsIn(complaints []string) (alarms bootstrap.Alarms, of string) {
	for _, c := range complaints {
		member, kind := "", ""
		for _, field := range strings.Fields(c) {
			switch name, value, _ := strings.Cut(field, ":"); name {
			case "memberID":
				member = value
			case "alarm":
				kind = value
			}
		}
		switch kind {
		case pb.AlarmType_NOSPACE.String():
			if member != "" {
				if alarms&bootstrap.AlarmCorrupt == 0 {
					of = lower(of, hexOf(member))
				}
				alarms |= bootstrap.AlarmSpace
			}
		case pb.AlarmType_CORRUPT.String():
			if alarms&bootstrap.AlarmCorrupt == 0 {
				of = ""
			}
			alarms, of = alarms|bootstrap.AlarmCorrupt, lower(of, hexOf(member))
		}
	}
	return alarms, of
}

// lower is the lower of two IDs of which either may be none.
func lower(a, b string) string {
	if a == "" || b != "" && (len(b) < len(a) || len(b) == len(a) && b < a) {
		return b
	}
	return a
}

// hexOf is a decimal ID the way etcdctl prints it; "" if it is none.
func hexOf(decimal string) string {
	id, err := strconv.ParseUint(decimal, 10, 64)
	if err != nil {
		return ""
	}
	return bootstrap.FormatID(id)
}
