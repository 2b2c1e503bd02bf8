; RUN: honec -S --passes=value_bits --facts=%S/one_bit.json %s | FileCheck-19 %s
; RUN: honec --report --passes=value_bits --facts=%S/one_bit.json %s | FileCheck-19 --check-prefix=REPORT %s
; One entry has a tested bit on one CPU: its index's bit decides between the real lookup and
; nothing. Only the real lookup's pointer is tested and loaded from.

; CHECK-LABEL: define {{.*}}i32 @xdp_filter(
; CHECK:       asm "", "=r,0"
; CHECK:       and i64 {{.*}}, 8184
; CHECK:       load i64, ptr {{.*}}
; CHECK:       br i1 {{.*}}, label %[[PASS:.*]], label %[[ASK:.*]]
; CHECK:       [[ASK]]:
; CHECK:       %[[VALUE:.*]] = {{.*}}call ptr inttoptr (i64 1 to ptr)(ptr {{.*}}@ports, ptr
; CHECK-NEXT:  %[[NULL:.*]] = icmp eq ptr %[[VALUE]], null
; CHECK-NEXT:  br i1 %[[NULL]], label %{{.*}}, label %[[FOUND:.*]]
; CHECK:       [[FOUND]]:
; CHECK-NEXT:  load volatile i64, ptr %[[VALUE]]
; CHECK-NOT:   phi ptr
; REPORT:      "action":"value_bits"
; REPORT-SAME: "effect":"data","enforcement":"guarded"}],"table_bytes":8256}

@ports = external global i8

define i32 @xdp_filter(ptr %ctx) {
  %key = alloca i32
  %port = load i16, ptr %ctx
  %index = zext i16 %port to i32
  store i32 %index, ptr %key
  %value = call ptr inttoptr (i64 1 to ptr)(ptr @ports, ptr %key), !hone.site !0, !hone.tested !1
  %miss = icmp eq ptr %value, null
  br i1 %miss, label %pass, label %found
found:
  %word = load volatile i64, ptr %value, !hone.load !0
  %flags = and i64 %word, 3
  %hit = icmp eq i64 %flags, 3
  br i1 %hit, label %drop, label %pass
drop:
  %more = add i64 %word, 64
  store volatile i64 %more, ptr %value
  ret i32 1
pass:
  ret i32 2
}
!0 = !{i32 0}
!1 = !{i32 0, i64 3}
