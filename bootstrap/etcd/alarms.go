package etcd

import (
	"strings"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"muster/bootstrap"
)

// alarmsIn finds the alarms among what a member complains of (etcd v3.7.3
// server/etcdserver/api/v3rpc/maintenance.go, Status): each is an AlarmMember as text,
// "memberID:123 alarm:NOSPACE". Between fields protobuf puts one space or two, and
// leaves out an ID of zero: that alarm is our own fence. To ask for them with their
// types would be an entry in everybody's log each time.
func alarmsIn(complaints []string) (alarms bootstrap.Alarms) {
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
				alarms |= bootstrap.AlarmSpace
			}
		case pb.AlarmType_CORRUPT.String():
			alarms |= bootstrap.AlarmCorrupt
		}
	}
	return alarms
}
