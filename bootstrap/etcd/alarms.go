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
// of is the member, hex, for which the graver one was raised; "" none.
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
				if alarms |= bootstrap.AlarmSpace; of == "" {
					of = hexOf(member)
				}
			}
		case pb.AlarmType_CORRUPT.String():
			alarms, of = alarms|bootstrap.AlarmCorrupt, hexOf(member)
		}
	}
	return alarms, of
}

// hexOf is a decimal ID the way etcdctl prints it; "" if it is none.
func hexOf(decimal string) string {
	id, err := strconv.ParseUint(decimal, 10, 64)
	if err != nil {
		return ""
	}
	return bootstrap.FormatID(id)
}
