; RUN: honec -S --passes=const_map --facts=%S/config.json %s | FileCheck-19 %s
; RUN: honec --report --passes=const_map --facts=%S/config.json %s | FileCheck-19 --check-prefix=REPORT %s
; A load at a variable offset cannot fold: the value's bytes move into the image's map.

; CHECK-NOT:   hone_const
; CHECK-LABEL: define {{.*}}i32 @xdp_prog(
; CHECK-NOT:   inttoptr (i64 1 to ptr)
; CHECK:       getelementptr i8, ptr getelementptr (i8, ptr @hone_table, i64 8), i64
; REPORT:      "action":"const_map"
; REPORT-SAME: "table_bytes":16}

@config = external global i8

define i32 @xdp_prog(ptr %ctx) {
  %key = alloca i32
  store i32 1, ptr %key
  %value = call ptr inttoptr (i64 1 to ptr)(ptr @config, ptr %key), !hone.site !0, !hone.key !1
  %miss = icmp eq ptr %value, null
  br i1 %miss, label %aborted, label %found
found:
  %ifindex = load i32, ptr %ctx
  %low = and i32 %ifindex, 7
  %offset = zext i32 %low to i64
  %at = getelementptr i8, ptr %value, i64 %offset
  %byte = load i8, ptr %at
  %action = zext i8 %byte to i32
  ret i32 %action
aborted:
  ret i32 100
}
!0 = !{i32 0}
!1 = !{i32 1}
