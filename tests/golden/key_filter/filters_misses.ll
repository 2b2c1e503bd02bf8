; RUN: honec -S --passes=key_filter --facts=%S/keys.json %s | FileCheck-19 %s
; RUN: honec --report --passes=key_filter --facts=%S/keys.json %s | FileCheck-19 --check-prefix=REPORT %s
; One multiplication, one load, one compare of the whole key; behind it the real lookup, whose
; counter stays in the map. The program's own null test is for hits alone.

; CHECK-LABEL: define {{.*}}i32 @xdp_filter(
; CHECK:       %[[HASH:.*]] = mul i64
; CHECK:       lshr i64 %[[HASH]],
; CHECK:       %[[SLOT:.*]] = getelementptr i8, ptr getelementptr (i8, ptr @hone_table, i64 8), i64
; CHECK:       load i32, ptr %[[SLOT]]
; CHECK:       icmp eq i32
; CHECK-NEXT:  br i1
; CHECK:       call ptr inttoptr (i64 1 to ptr)(ptr {{.*}}@blocked, ptr
; CHECK-NEXT:  icmp eq ptr
; CHECK-NOT:   load i32
; CHECK:       ret i32
; REPORT:      "action":"key_filter"
; REPORT-SAME: "kind":"keys","map":"blocked","site":0,"effect":"data","enforcement":"guarded"

@blocked = external global i8

define i32 @xdp_filter(ptr %ctx) {
  %key = alloca i32
  %at = getelementptr i8, ptr %ctx, i64 12
  %ifindex = load i32, ptr %at
  store i32 %ifindex, ptr %key
  %value = call ptr inttoptr (i64 1 to ptr)(ptr @blocked, ptr %key), !hone.site !0
  %miss = icmp eq ptr %value, null
  br i1 %miss, label %pass, label %drop
drop:
  %count = load i64, ptr %value
  %more = add i64 %count, 1
  store i64 %more, ptr %value
  ret i32 1
pass:
  ret i32 2
}
!0 = !{i32 0}
