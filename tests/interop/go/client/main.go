// Command client runs one maintenance session through etcd's published Go
// client and prints the server's responses, one line per step.
//
//	client ENDPOINT SNAPSHOT-FILE
//
// It expects a fresh server. It prints nothing that may differ between two
// correct servers (sizes, terms, durations), so that the output of a run can
// be compared line by line with that of a run against another server. Values
// that are not printed are checked: the first wrong one ends the run with
// exit code 1.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// session is the connection that all steps share.
type session struct {
	ctx      context.Context
	cli      *clientv3.Client
	endpoint string
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: client ENDPOINT SNAPSHOT-FILE")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1)
	}
}

func run(endpoint, snapshotFile string) error {
	// If the server hangs, this program must end before the test times out.
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	cli, err := clientv3.New(clientv3.Config{
		Endpoints:   []string{endpoint},
		DialTimeout: 5 * time.Second,
		Logger:      zap.NewNop(),
	})
	if err != nil {
		return err
	}
	defer cli.Close()
	s := &session{ctx: ctx, cli: cli, endpoint: endpoint}
	steps := []struct {
		name string
		run  func() error
	}{
		{"put", s.put},
		{"get", s.get},
		{"delete", s.delete},
		{"txn", s.txn},
		{"errors", s.errors},
		{"compact", s.compact},
		{"hashkv", s.hashKV},
		{"defragment", s.defragment},
		{"status", s.status},
		{"alarm", s.alarm},
		{"members", s.members},
		{"snapshot", func() error { return s.snapshot(snapshotFile) }},
	}
	for _, step := range steps {
		if err := step.run(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	fmt.Println("done")
	return nil
}

func header(h *pb.ResponseHeader) string {
	return fmt.Sprintf("cluster=%x member=%x revision=%d", h.ClusterId, h.MemberId, h.Revision)
}

// put writes two hundred keys, some of them several times, as data for
// paging, compaction and defragmentation.
func (s *session) put() error {
	for i := range 200 {
		for version := range 1 + i%3 {
			value := strings.Repeat(fmt.Sprintf("%d.%d ", i, version), 40)
			if _, err := s.cli.Put(s.ctx, fmt.Sprintf("key/%03d", i), value); err != nil {
				return err
			}
		}
	}
	resp, err := s.cli.Put(s.ctx, "key/007", "seven", clientv3.WithPrevKV())
	if err != nil {
		return err
	}
	fmt.Printf("put: %s prev=%q version=%d\n", header(resp.Header), resp.PrevKv.Value[:8], resp.PrevKv.Version)
	for _, opt := range []clientv3.OpOption{clientv3.WithIgnoreValue(), clientv3.WithIgnoreLease()} {
		value := ""
		_, err = s.cli.Put(s.ctx, "absent", value, opt)
		fmt.Printf("put: absent key: %v\n", err)
	}
	return nil
}

func (s *session) get() error {
	show := func(what string, opts ...clientv3.OpOption) error {
		resp, err := s.cli.Get(s.ctx, "key/", opts...)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		fmt.Printf("get %s: revision=%d count=%d more=%v\n", what, resp.Header.Revision, resp.Count, resp.More)
		for _, kv := range resp.Kvs {
			value := kv.Value
			if len(value) > 12 {
				value = value[:12]
			}
			fmt.Printf("  %s %q create=%d mod=%d version=%d lease=%d\n",
				kv.Key, value, kv.CreateRevision, kv.ModRevision, kv.Version, kv.Lease)
		}
		return nil
	}
	type query struct {
		what string
		opts []clientv3.OpOption
	}
	prefix := clientv3.WithPrefix()
	for _, q := range []query{
		{"first three", []clientv3.OpOption{prefix, clientv3.WithLimit(3)}},
		{"last two", append([]clientv3.OpOption{prefix, clientv3.WithSort(clientv3.SortByKey, clientv3.SortDescend)}, clientv3.WithLimit(2))},
		{"newest", clientv3.WithLastRev()},
		{"count", []clientv3.OpOption{prefix, clientv3.WithCountOnly()}},
		{"keys at 50", []clientv3.OpOption{prefix, clientv3.WithRev(50), clientv3.WithKeysOnly(), clientv3.WithLimit(5)}},
		{"modified late", []clientv3.OpOption{prefix, clientv3.WithMinModRev(395)}},
		{"by modification", []clientv3.OpOption{prefix, clientv3.WithSort(clientv3.SortByModRevision, clientv3.SortDescend), clientv3.WithLimit(4)}},
		{"serializable", []clientv3.OpOption{prefix, clientv3.WithSerializable(), clientv3.WithLimit(1)}},
	} {
		if err := show(q.what, q.opts...); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) delete() error {
	resp, err := s.cli.Delete(s.ctx, "key/15", clientv3.WithPrefix(), clientv3.WithPrevKV())
	if err != nil {
		return err
	}
	fmt.Printf("delete: revision=%d deleted=%d first=%s\n", resp.Header.Revision, resp.Deleted, resp.PrevKvs[0].Key)
	resp, err = s.cli.Delete(s.ctx, "key/15", clientv3.WithPrefix())
	if err != nil {
		return err
	}
	fmt.Printf("delete again: revision=%d deleted=%d\n", resp.Header.Revision, resp.Deleted)
	return nil
}

func (s *session) txn() error {
	resp, err := s.cli.Txn(s.ctx).
		If(clientv3.Compare(clientv3.Value("key/007"), "=", "seven"),
			clientv3.Compare(clientv3.Version("key/150"), "=", 0),
			clientv3.Compare(clientv3.ModRevision("key/"), ">", 1).WithPrefix()).
		Then(clientv3.OpPut("key/007", "eight", clientv3.WithPrevKV()),
			clientv3.OpGet("key/007"),
			clientv3.OpTxn(
				[]clientv3.Cmp{clientv3.Compare(clientv3.CreateRevision("nested"), "=", 0)},
				[]clientv3.Op{clientv3.OpPut("nested", "yes")},
				[]clientv3.Op{clientv3.OpDelete("nested")}),
			clientv3.OpDelete("key/199")).
		Else(clientv3.OpGet("key/", clientv3.WithPrefix())).
		Commit()
	if err != nil {
		return err
	}
	fmt.Printf("txn: revision=%d succeeded=%v\n", resp.Header.Revision, resp.Succeeded)
	for _, r := range resp.Responses {
		switch body := r.Response.(type) {
		case *pb.ResponseOp_ResponsePut:
			fmt.Printf("  put prev=%q\n", body.ResponsePut.PrevKv.Value)
		case *pb.ResponseOp_ResponseRange:
			fmt.Printf("  range %q mod=%d\n", body.ResponseRange.Kvs[0].Value, body.ResponseRange.Kvs[0].ModRevision)
		case *pb.ResponseOp_ResponseTxn:
			fmt.Printf("  txn succeeded=%v responses=%d\n", body.ResponseTxn.Succeeded, len(body.ResponseTxn.Responses))
		case *pb.ResponseOp_ResponseDeleteRange:
			fmt.Printf("  delete deleted=%d\n", body.ResponseDeleteRange.Deleted)
		}
	}
	return nil
}

// errors prints the Go client's texts for rejected requests. The client
// recognises an error by its gRPC code and message, so both must be etcd's.
func (s *session) errors() error {
	_, empty := s.cli.Put(s.ctx, "", "value")
	_, future := s.cli.Get(s.ctx, "key/007", clientv3.WithRev(1_000_000))
	_, large := s.cli.Put(s.ctx, "large", strings.Repeat("x", 1536*1024))
	_, twice := s.cli.Txn(s.ctx).Then(clientv3.OpPut("a", "1"), clientv3.OpPut("a", "2")).Commit()
	_, compactFuture := s.cli.Compact(s.ctx, 1_000_000)
	many := make([]clientv3.Op, 129)
	for i := range many {
		many[i] = clientv3.OpPut(fmt.Sprintf("many/%d", i), "")
	}
	_, tooMany := s.cli.Txn(s.ctx).Then(many...).Commit()
	for _, c := range []struct {
		what string
		got  error
		want error
	}{
		{"empty key", empty, rpctypes.ErrEmptyKey},
		{"future revision", future, rpctypes.ErrFutureRev},
		{"large request", large, rpctypes.ErrRequestTooLarge},
		{"duplicate key", twice, rpctypes.ErrDuplicateKey},
		{"future compaction", compactFuture, rpctypes.ErrFutureRev},
		{"too many operations", tooMany, rpctypes.ErrTooManyOps},
	} {
		fmt.Printf("error of %s: %v\n", c.what, c.got)
		if !errors.Is(c.got, c.want) {
			return fmt.Errorf("%s: got %v, want %v", c.what, c.got, c.want)
		}
	}
	return nil
}

func (s *session) compact() error {
	resp, err := s.cli.Compact(s.ctx, 300, clientv3.WithCompactPhysical())
	if err != nil {
		return err
	}
	fmt.Printf("compact: %s\n", header(resp.Header))
	_, err = s.cli.Compact(s.ctx, 300)
	fmt.Printf("compact again: %v\n", err)
	if !errors.Is(err, rpctypes.ErrCompacted) {
		return fmt.Errorf("second compaction: %v", err)
	}
	_, err = s.cli.Get(s.ctx, "key/007", clientv3.WithRev(299))
	fmt.Printf("get below: %v\n", err)
	got, err := s.cli.Get(s.ctx, "key/007", clientv3.WithRev(300))
	if err != nil {
		return err
	}
	fmt.Printf("get at: version=%d mod=%d\n", got.Kvs[0].Version, got.Kvs[0].ModRevision)
	return nil
}

func (s *session) hashKV() error {
	for _, rev := range []int64{0, 300, 350} {
		resp, err := s.cli.HashKV(s.ctx, s.endpoint, rev)
		if err != nil {
			return err
		}
		fmt.Printf("hashkv at %d: hash=%d compact=%d hash_revision=%d\n", rev, resp.Hash, resp.CompactRevision, resp.HashRevision)
	}
	_, err := s.cli.HashKV(s.ctx, s.endpoint, 1_000_000)
	fmt.Printf("hashkv of the future: %v\n", err)
	return nil
}

func (s *session) defragment() error {
	before, err := s.cli.Status(s.ctx, s.endpoint)
	if err != nil {
		return err
	}
	resp, err := s.cli.Defragment(s.ctx, s.endpoint)
	if err != nil {
		return err
	}
	after, err := s.cli.Status(s.ctx, s.endpoint)
	if err != nil {
		return err
	}
	if after.DbSize > before.DbSize {
		return fmt.Errorf("the database grew from %d to %d bytes", before.DbSize, after.DbSize)
	}
	// A defragmented file has almost no free pages: 16 pages of 4 KiB suffice
	// for the freelist and the pages that the next commit frees.
	if free := after.DbSize - after.DbSizeInUse; free > 16*4096 {
		return fmt.Errorf("%d bytes are free after defragmentation", free)
	}
	fmt.Printf("defragment: header=%v\n", resp.Header != nil)
	return nil
}

func (s *session) status() error {
	st, err := s.cli.Status(s.ctx, s.endpoint)
	if err != nil {
		return err
	}
	if st.DbSize <= 0 || st.DbSizeInUse <= 0 || st.DbSizeInUse > st.DbSize {
		return fmt.Errorf("sizes %d and %d", st.DbSize, st.DbSizeInUse)
	}
	if st.RaftIndex == 0 || st.RaftTerm == 0 || st.RaftAppliedIndex > st.RaftIndex {
		return fmt.Errorf("raft index %d, applied %d, term %d", st.RaftIndex, st.RaftAppliedIndex, st.RaftTerm)
	}
	fmt.Printf("status: %s leader=%x learner=%v errors=%v storage=%s quota=%d\n",
		header(st.Header), st.Leader, st.IsLearner, st.Errors, st.StorageVersion, st.DbSizeQuota)
	return nil
}

func (s *session) alarm() error {
	list := func(what string) error {
		resp, err := s.cli.AlarmList(s.ctx)
		if err != nil {
			return err
		}
		fmt.Printf("alarms %s: %d", what, len(resp.Alarms))
		for _, a := range resp.Alarms {
			fmt.Printf(" %x:%s", a.MemberID, a.Alarm)
		}
		fmt.Println()
		return nil
	}
	if err := list("at first"); err != nil {
		return err
	}
	// The client's interface cannot raise an alarm, but the stub can.
	members, err := s.cli.MemberList(s.ctx)
	if err != nil {
		return err
	}
	stub := pb.NewMaintenanceClient(s.cli.ActiveConnection())
	if _, err := stub.Alarm(s.ctx, &pb.AlarmRequest{
		Action: pb.AlarmRequest_ACTIVATE, MemberID: members.Members[0].ID, Alarm: pb.AlarmType_NOSPACE,
	}); err != nil {
		return err
	}
	if err := list("raised"); err != nil {
		return err
	}
	_, err = s.cli.Put(s.ctx, "key/000", "no room")
	fmt.Printf("put under the alarm: %v\n", err)
	if !errors.Is(err, rpctypes.ErrNoSpace) {
		return fmt.Errorf("put under the alarm: %v", err)
	}
	if _, err := s.cli.Delete(s.ctx, "key/000"); err != nil {
		return fmt.Errorf("delete under the alarm: %w", err)
	}
	disarmed, err := s.cli.AlarmDisarm(s.ctx, &clientv3.AlarmMember{})
	if err != nil {
		return err
	}
	fmt.Printf("disarmed: %d\n", len(disarmed.Alarms))
	if err := list("at last"); err != nil {
		return err
	}
	resp, err := s.cli.Put(s.ctx, "newkey", "123")
	if err != nil {
		return err
	}
	fmt.Printf("put after it: revision=%d\n", resp.Header.Revision)
	return nil
}

func (s *session) members() error {
	resp, err := s.cli.MemberList(s.ctx)
	if err != nil {
		return err
	}
	for _, m := range resp.Members {
		fmt.Printf("member: %x learner=%v peers=%v\n", m.ID, m.IsLearner, m.PeerURLs)
		if len(m.ClientURLs) == 0 {
			return errors.New("a started member has client URLs")
		}
	}
	return nil
}

// snapshot saves the stream as received and checks the SHA-256 at its end.
func (s *session) snapshot(file string) error {
	resp, err := s.cli.SnapshotWithVersion(s.ctx)
	if err != nil {
		return err
	}
	defer resp.Snapshot.Close()
	stream, err := io.ReadAll(resp.Snapshot)
	if err != nil {
		return err
	}
	if len(stream)%512 != sha256.Size {
		return fmt.Errorf("%d bytes are no database with a digest behind it", len(stream))
	}
	body, digest := stream[:len(stream)-sha256.Size], stream[len(stream)-sha256.Size:]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], digest) {
		return fmt.Errorf("the digest is %x, the stream says %x", sum, digest)
	}
	if resp.Version == "" {
		return errors.New("no version with the snapshot")
	}
	fmt.Printf("snapshot: storage version %s, the digest fits\n", majorMinor(resp.Version))
	return os.WriteFile(file, stream, 0o600)
}

func majorMinor(version string) string {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return version
	}
	return parts[0] + "." + parts[1]
}
