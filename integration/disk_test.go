package integration

import (
	"crypto/sha1"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"muster/integration/boards"
)

// What lies in a board's state directory, as far as the tests look at it.

const stateDir = "/var/lib/muster/"

// boardFile is the part of board.json which says how far a first start got.
type boardFile struct {
	Born   bool `json:"born"`
	Intent struct {
		Do   string
		Plan string
	} `json:"intent"`
}

// underWay says that a first start was begun and was not seen to its end.
func (b boardFile) underWay() bool { return b.Intent.Do != "" && !b.Born }

func readBoardFile(b reader) (boardFile, error) {
	var file boardFile
	data, err := b.ReadFile(stateDir + "board.json")
	if err == nil {
		err = json.Unmarshal(data, &file)
	}
	return file, err
}

func (f *fleet) boardFile(b *boards.Board) boardFile {
	f.t.Helper()
	file, err := readBoardFile(b)
	if err != nil {
		f.t.Fatal(err)
	}
	return file
}

// reader is a board, or a copy of its card.
type reader interface {
	ReadFile(name string) ([]byte, error)
}

// there says whether a file or directory is in the board's state directory.
func there(b reader, name string) bool {
	_, err := b.ReadFile(stateDir + name)
	return !errors.Is(err, fs.ErrNotExist) // a directory is there and cannot be read like a file
}

// plannedCluster computes the cluster ID that follows from the plan in a board's founding.json, as etcd does.
func (f *fleet) plannedCluster(b *boards.Board) string {
	f.t.Helper()
	var file struct {
		Record struct {
			Chosen *struct {
				Token    string
				Founders []struct {
					PeerURL string `json:"peer_url"`
				}
			}
		}
	}
	data, err := b.ReadFile(stateDir + "founding.json")
	if err == nil {
		err = json.Unmarshal(data, &file)
	}
	if err != nil || file.Record.Chosen == nil {
		f.t.Fatalf("board %d knows no plan: %v: %s", b.Index, err, data)
	}
	var urls []string
	for _, founder := range file.Record.Chosen.Founders {
		urls = append(urls, founder.PeerURL)
	}
	return clusterIDOf(urls, file.Record.Chosen.Token)
}

// clusterIDOf is the ID of a cluster that is founded with members of one peer URL each: etcd v3.7.3
// server/etcdserver/api/membership, computeMemberID in member.go and genID in cluster.go.
func clusterIDOf(peerURLs []string, token string) string {
	var members []uint64
	for _, u := range peerURLs {
		hash := sha1.Sum([]byte(u + token))
		members = append(members, binary.BigEndian.Uint64(hash[:8]))
	}
	slices.Sort(members)
	var all []byte
	for _, id := range members {
		all = binary.BigEndian.AppendUint64(all, id)
	}
	hash := sha1.Sum(all)
	return fmt.Sprintf("%x", binary.BigEndian.Uint64(hash[:8]))
}
