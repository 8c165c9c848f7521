package etcd

import (
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"muster/bootstrap"
)

func TestAlarmsIn(t *testing.T) {
	said := func(member uint64, kind pb.AlarmType) string {
		return (&pb.AlarmMember{MemberID: member, Alarm: kind}).String()
	}
	for name, row := range map[string]struct {
		complaints []string
		want       bootstrap.Alarms
		of         string
	}{
		"none":              {nil, 0, ""},
		"no leader":         {[]string{"etcdserver: no leader"}, 0, ""},
		"no space":          {[]string{said(27, pb.AlarmType_NOSPACE)}, bootstrap.AlarmSpace, "1b"},
		"corrupt":           {[]string{said(7, pb.AlarmType_CORRUPT)}, bootstrap.AlarmCorrupt, "7"},
		"the fence":         {[]string{said(fenceMember, pb.AlarmType_NOSPACE)}, 0, ""},
		"fence and no room": {[]string{said(fenceMember, pb.AlarmType_NOSPACE), said(7, pb.AlarmType_NOSPACE)}, bootstrap.AlarmSpace, "7"},
		"both":              {[]string{"etcdserver: no leader", said(7, pb.AlarmType_NOSPACE), said(8, pb.AlarmType_CORRUPT)}, bootstrap.AlarmSpace | bootstrap.AlarmCorrupt, "8"},
		"several":           {[]string{said(40, pb.AlarmType_NOSPACE), said(9, pb.AlarmType_NOSPACE), said(7, pb.AlarmType_CORRUPT), said(5, pb.AlarmType_CORRUPT), said(1, pb.AlarmType_NOSPACE)}, bootstrap.AlarmSpace | bootstrap.AlarmCorrupt, "5"},
		"the lowest":        {[]string{said(40, pb.AlarmType_NOSPACE), said(9, pb.AlarmType_NOSPACE)}, bootstrap.AlarmSpace, "9"},
		"two spaces":        {[]string{"memberID:7  alarm:NOSPACE"}, bootstrap.AlarmSpace, "7"},
	} {
		if got, of := alarmsIn(row.complaints); got != row.want || of != row.of {
			t.Errorf("%s: %v for %q in %q, want %v for %q", name, got, of, row.complaints, row.want, row.of)
		}
	}
}

// TestAlarmsOfAMember: a real member tells of its alarms, and not of the fence.
func TestAlarmsOfAMember(t *testing.T) {
	t.Parallel()
	c, ready := made(t)
	_, client := lone(t, restarted(c))
	member, err := numberOf(ready.MemberID)
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Fence(t.Context()); err != nil {
		t.Fatal(err)
	}
	tells := func(want bootstrap.Alarms) {
		t.Helper()
		if s, err := client.Status(t.Context(), c.ClientURL); err != nil || s.Alarms != want || len(s.Errors) == 0 {
			t.Errorf("%v, %q, %v; want %v", s.Alarms, s.Errors, err, want)
		}
	}
	tells(0)
	want := bootstrap.Alarms(0)
	for kind, bit := range map[pb.AlarmType]bootstrap.Alarms{pb.AlarmType_NOSPACE: bootstrap.AlarmSpace, pb.AlarmType_CORRUPT: bootstrap.AlarmCorrupt} {
		raise := &pb.AlarmRequest{Action: pb.AlarmRequest_ACTIVATE, MemberID: member, Alarm: kind}
		if _, err := pb.NewMaintenanceClient(client.c.ActiveConnection()).Alarm(t.Context(), raise); err != nil {
			t.Fatal(err)
		}
		want |= bit
		tells(want)
	}
}
